// Everybody who listens, and the one reader that reads for all of them: ten times a second at
// most, and not at all while nobody listens.
//
// Invariants: an auction's or wallet's state is read and written out once a round however many
// listen to it, and only when it has changed; of an auction nothing counts as a change, and no id
// moves, but by what anyone may see; nobody waits for a listener; a listener is counted from
// `listen` until its `LiveSeat` goes.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// What a stream is about.
enum LiveTopic: Hashable, Sendable {
    case auction(AuctionID)
    case wallet(UserID)
    case feed
}

/// The listeners and their reader.
final class LiveHub: Service, Sendable {
    /// The most auctions in one event of the feed.
    static let feedAuctionsMax = 200
    /// How far back in the log a listener of the feed may go on; from further it is told to page.
    static let feedResumeEntriesMax: UInt64 = 20_000
    /// How many entries a round of the feed looks at.
    private static let feedRoundEntriesMax = 50_000
    /// How far the feed may lag before it leaves out what lies between.
    private static let feedLagMax: UInt64 = 200_000
    private static let round = Duration.milliseconds(100)

    let ledger: Ledger
    private let options: ServiceOptions
    private let logger: Logger
    private let state = Mutex(State())
    private let wakeUps: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    private struct State {
        var topics: [LiveTopic: Listeners] = [:]
        var count = 0
        /// Listeners by whom they are counted for.
        var counts: [Causer: Int] = [:]
        var nextSeat: UInt64 = 0
        /// How far the feed has been read, and up to which change it has been told: entries that
        /// change no auction are not worth an event.
        var feedPosition: UInt64 = 0
        var feedTold: UInt64 = 0
        var isStopped = false
    }

    private struct Listeners {
        var mark: ChangeMark?
        var bySeat: [UInt64: LiveListener] = [:]
    }

    init(ledger: Ledger, options: ServiceOptions, logger: Logger) {
        self.ledger = ledger
        self.options = options
        self.logger = logger
        (wakeUps, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Listening

    /// How many listen.
    var listenerCount: Int { state.withLock { $0.count } }

    /// How far the feed has been read.
    var feedPosition: UInt64 { state.withLock { $0.feedPosition } }

    /// Takes up a listener.
    /// - Parameters:
    ///   - mark: what the topic stands under now; for a feed nil.
    ///   - causer: for whom it is counted.
    ///   - most: how many of hers there may be.
    /// - Returns: the seat, which the listener has as long as somebody holds it; for a feed with
    ///   the position from which its first event will tell: that of the last change before it.
    /// - Throws: `busy`, `rateLimited` or `shuttingDown`.
    func listen(
        _ listener: LiveListener, to topic: LiveTopic, mark: ChangeMark?, for causer: Causer,
        most: Int
    ) throws(Problem) -> (seat: LiveSeat, feedTold: UInt64) {
        let change = topic == .feed ? ledger.lastChange : (0, 0)
        let result = state.withLock { state -> Result<(UInt64, UInt64), Problem> in
            if state.isStopped { return .failure(Problem(.shuttingDown)) }
            guard state.count < options.liveListenersMax else {
                return .failure(
                    Problem(.busy, "there are \(state.count) listeners, and may be no more"))
            }
            let own = state.counts[causer, default: 0]
            guard own < most else {
                return .failure(
                    Problem(.rateLimited, "expected at most \(most) streams at once"))
            }
            state.count += 1
            state.counts[causer] = own + 1
            state.nextSeat += 1
            if topic == .feed, state.topics[.feed] == nil {
                (state.feedTold, state.feedPosition) = change
            }
            state.topics[topic, default: Listeners(mark: mark)].bySeat[state.nextSeat] = listener
            return .success((state.nextSeat, state.feedTold))
        }
        let (seat, feedTold) = try result.get()
        wake.yield()
        return (LiveSeat(hub: self, number: seat, topic: topic, causer: causer), feedTold)
    }

    fileprivate func leave(_ seat: UInt64, _ topic: LiveTopic, _ causer: Causer) {
        state.withLock { state in
            guard state.topics[topic]?.bySeat.removeValue(forKey: seat) != nil else { return }
            if state.topics[topic]?.bySeat.isEmpty == true { state.topics[topic] = nil }
            state.count -= 1
            let own = state.counts[causer, default: 1] - 1
            state.counts[causer] = own == 0 ? nil : own
        }
    }

    /// Ends the streams of a user, or of everybody who is signed in: what they may was taken away.
    func end(_ user: UserID?) {
        let listeners = state.withLock { $0.topics.values.flatMap { $0.bySeat.values } }
        for listener in listeners {
            guard let listening = listener.user, user == nil || user == listening else { continue }
            listener.end("the access token has been revoked")
        }
    }

    // MARK: Reading

    /// Reads for the listeners until the service shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown { await self.runRounds() }
        let listeners = state.withLock { state in
            state.isStopped = true
            return state.topics.values.flatMap { $0.bySeat.values }
        }
        for listener in listeners { listener.end(Self.farewell) }
    }

    /// What streams end with when the service goes.
    static let farewell = "the service is shutting down"

    private func runRounds() async {
        // Checked as often as it takes to be no later than a fifteenth.
        let sweepPause = max(Self.round, options.liveHeartbeat / 15)
        var nextSweep = ContinuousClock.now
        var read: UInt64?
        for await _ in wakeUps {
            while !Task.isCancelled, listenerCount > 0 {
                let now = ContinuousClock.now
                read = tellChanges(since: read, now)
                if now >= nextSweep {
                    sweep(now)
                    nextSweep = now + sweepPause
                }
                try? await Task.sleep(until: now + Self.round, clock: .continuous)
            }
        }
    }

    /// Comments for those who are silent, and the end for those whose token has expired.
    private func sweep(_ now: ContinuousClock.Instant) {
        let listeners = state.withLock { $0.topics.values.flatMap { $0.bySeat.values } }
        for listener in listeners {
            if let expires = listener.expires, expires <= now {
                listener.end("the access token has expired")
            } else {
                listener.beat(after: options.liveHeartbeat, at: now)
            }
        }
    }

    /// Reads what has changed and tells it: one round.
    /// - Parameter read: how many entries were reflected in the round before; nil in the first.
    /// - Returns: how many are in this one.
    func tellChanges(since read: UInt64?, _ now: ContinuousClock.Instant) -> UInt64 {
        let reflects = ledger.reflects
        // Nothing changes but by entries; the feed may have left some for this round.
        if reflects != read { readStates(now) }
        readFeed(now)
        return reflects
    }

    private func readStates(_ now: ContinuousClock.Instant) {
        var auctions: [(id: AuctionID, mark: ChangeMark?)] = []
        var wallets: [(id: UserID, mark: ChangeMark?)] = []
        state.withLock { state in
            for (topic, listeners) in state.topics {
                switch topic {
                case .auction(let id): auctions.append((id, listeners.mark))
                case .wallet(let id): wallets.append((id, listeners.mark))
                case .feed: break
                }
            }
        }
        for some in auctions.chunks(of: Self.marksAtOnce) {
            for (known, mark) in zip(some, ledger.marks(of: some.map(\.id))) {
                guard let mark, mark != known.mark else { continue }
                guard let (event, isFinal) = try? auctionEvent(known.id, mark) else { continue }
                send(event, to: .auction(known.id), isFinal: isFinal, now)
            }
        }
        for some in wallets.chunks(of: Self.marksAtOnce) {
            for (known, mark) in zip(some, ledger.marks(of: some.map(\.id))) {
                guard let mark, mark != known.mark else { continue }
                guard let event = try? walletEvent(known.id, mark) else { continue }
                send(event, to: .wallet(known.id), isFinal: false, now)
            }
        }
    }

    /// Small enough that the ledger is not held up.
    private static let marksAtOnce = 256

    private func send(
        _ event: LiveEvent, to topic: LiveTopic, isFinal: Bool, _ now: ContinuousClock.Instant
    ) {
        let listeners = state.withLock { state -> [LiveListener] in
            state.topics[topic]?.mark = event.mark
            return state.topics[topic].map { Array($0.bySeat.values) } ?? []
        }
        for listener in listeners {
            listener.put(event, at: now)
            if isFinal { listener.end() }
        }
    }

    // MARK: Events

    /// An auction's state as an event, and whether nothing will change it any more.
    /// - Throws: `LedgerError.unknownName`.
    func auctionEvent(
        _ id: AuctionID, _ mark: ChangeMark
    ) throws(LedgerError) -> (event: LiveEvent, isFinal: Bool) {
        let (auction, reflects) = try state(of: id)
        var writer = JSONWriter()
        writer.live(auction, reflects: reflects)
        let event = LiveEvent(
            "auction", position: mark.reflects, mark: mark, data: writer.bytes)
        return (event, auction.isFinished)
    }

    private func state(
        of id: AuctionID
    ) throws(LedgerError) -> (auction: PublicAuction, reflects: UInt64) {
        let answer = try ledger.listing(id)
        return (answer.value.publicView, answer.reflects)
    }

    /// A wallet's state as an event.
    /// - Throws: `LedgerError.unknownName`.
    func walletEvent(_ id: UserID, _ mark: ChangeMark) throws(LedgerError) -> LiveEvent {
        let answer = try ledger.wallet(id)
        var writer = JSONWriter()
        writer.wallet(answer.value)
        return LiveEvent("wallet", position: mark.reflects, mark: mark, data: writer.bytes)
    }

    // MARK: The feed

    private func readFeed(_ now: ContinuousClock.Instant) {
        let (start, told) = state.withLock { state in
            (state.topics[.feed] == nil ? nil : state.feedPosition, state.feedTold)
        }
        guard let start else { return }
        let (changed, reflects) = ledger.lastChange
        guard reflects > start else { return }
        var event: LiveEvent?
        let next: UInt64
        if changed <= told {
            // All that came is between its callers and the house.
            next = reflects
        } else if changed - start > Self.feedLagMax {
            event = resetEvent(from: told, to: changed)
            next = changed
        } else {
            do {
                let changed = try ledger.auctionsChanged(
                    from: start, entriesMax: Self.feedRoundEntriesMax,
                    auctionsMax: Self.feedAuctionsMax)
                event = feedEvent(changed, from: told)
                next = changed.next
            } catch {
                logger.error("the feed was not read", metadata: ["error": "\(error)"])
                return
            }
        }
        let listeners = state.withLock { state -> [LiveListener] in
            state.feedPosition = next
            guard let event else { return [] }
            state.feedTold = event.position
            return state.topics[.feed].map { Array($0.bySeat.values) } ?? []
        }
        guard let event else { return }
        for listener in listeners { listener.put(event, at: now) }
    }

    /// What changed from a position on, as far as it goes into one event.
    /// - Returns: the event, nil where nothing changed, and the position to go on from.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    func feedEvent(
        from start: UInt64, entriesMax: Int
    ) throws(LedgerError) -> (event: LiveEvent?, next: UInt64) {
        let changed = try ledger.auctionsChanged(
            from: start, entriesMax: entriesMax, auctionsMax: Self.feedAuctionsMax)
        return (feedEvent(changed, from: start), changed.next)
    }

    /// Tells where a feed begins: nothing has changed yet.
    func feedBegins(at position: UInt64) -> LiveEvent {
        feedEvent(of: [], isComplete: true, from: position, to: position)
    }

    private func feedEvent(_ changed: ChangedAuctions, from start: UInt64) -> LiveEvent? {
        guard !changed.auctions.isEmpty else { return nil }
        return feedEvent(
            of: changed.auctions, isComplete: changed.isComplete, from: start,
            to: changed.changed)
    }

    private func feedEvent(
        of auctions: [AuctionID], isComplete: Bool, from start: UInt64, to position: UInt64
    ) -> LiveEvent {
        var writer = JSONWriter()
        writer.object { object in
            object.name("auctions")
            object.array { array in
                for id in auctions {
                    guard let (auction, reflects) = try? state(of: id) else { continue }
                    array.live(auction, reflects: reflects)
                }
            }
            object.field("more", !isComplete)
        }
        return LiveEvent("feed", position: position, start: start, data: writer.bytes)
    }

    /// Tells that what changed in between is not told: it can be paged through.
    func resetEvent(from start: UInt64, to position: UInt64) -> LiveEvent {
        var writer = JSONWriter()
        writer.object { object in
            object.field("missed_from", start)
            object.field("position", position)
        }
        return LiveEvent("reset", position: position, start: start, data: writer.bytes)
    }
}

/// A listener's place in the hub; gives it up when it goes.
final class LiveSeat: Sendable {
    private let hub: LiveHub
    private let number: UInt64
    private let topic: LiveTopic
    private let causer: Causer

    fileprivate init(hub: LiveHub, number: UInt64, topic: LiveTopic, causer: Causer) {
        self.hub = hub
        self.number = number
        self.topic = topic
        self.causer = causer
    }

    /// Gives the place up now.
    func leave() { hub.leave(number, topic, causer) }

    deinit { leave() }
}

extension Array {
    /// The elements in runs of at most so many.
    fileprivate func chunks(of count: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: self.count, by: count).map { start in
            self[start..<Swift.min(start + count, self.count)]
        }
    }
}
