// Everybody who listens, and the one reader that reads for all of them: ten times a second at
// most, and not at all while nobody listens.
//
// Invariants: an auction's or wallet's state is read and written out once a round however many
// listen to it, and only when something has touched it; nobody waits for a listener; a listener is
// counted from `listen` until its `LiveSeat` goes.

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
        /// Listeners by user or address.
        var counts: [String: Int] = [:]
        var nextSeat: UInt64 = 0
        /// How far the feed has been read, and up to where it has been told: entries that are
        /// about no auction are not worth an event.
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
    ///   - name: of the user or address that it is counted for.
    ///   - most: how many of that name there may be.
    /// - Returns: the seat, which the listener has as long as somebody holds it; for a feed with
    ///   the position from which its first event will tell.
    /// - Throws: `busy`, `rateLimited` or `shuttingDown`.
    func listen(
        _ listener: LiveListener, to topic: LiveTopic, mark: ChangeMark?, as name: String,
        most: Int
    ) throws(Problem) -> (seat: LiveSeat, feedPosition: UInt64) {
        let reflects = topic == .feed ? ledger.reflects : 0
        let result = state.withLock { state -> Result<(UInt64, UInt64), Problem> in
            if state.isStopped { return .failure(Problem(.shuttingDown)) }
            guard state.count < options.liveListenersMax else {
                return .failure(
                    Problem(.busy, "there are \(state.count) listeners, and may be no more"))
            }
            let own = state.counts[name, default: 0]
            guard own < most else {
                return .failure(
                    Problem(.rateLimited, "expected at most \(most) streams at once"))
            }
            state.count += 1
            state.counts[name] = own + 1
            state.nextSeat += 1
            if topic == .feed, state.topics[.feed] == nil {
                (state.feedPosition, state.feedTold) = (reflects, reflects)
            }
            state.topics[topic, default: Listeners(mark: mark)].bySeat[state.nextSeat] = listener
            return .success((state.nextSeat, state.feedPosition))
        }
        let (seat, feedPosition) = try result.get()
        wake.yield()
        return (LiveSeat(hub: self, number: seat, topic: topic, name: name), feedPosition)
    }

    fileprivate func leave(_ seat: UInt64, _ topic: LiveTopic, _ name: String) {
        state.withLock { state in
            guard state.topics[topic]?.bySeat.removeValue(forKey: seat) != nil else { return }
            if state.topics[topic]?.bySeat.isEmpty == true { state.topics[topic] = nil }
            state.count -= 1
            let own = state.counts[name, default: 1] - 1
            state.counts[name] = own == 0 ? nil : own
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
        // Nothing changes but by entries.
        var read: UInt64?
        for await _ in wakeUps {
            while !Task.isCancelled, listenerCount > 0 {
                let now = ContinuousClock.now
                let reflects = ledger.reflects
                if reflects != read { readStates(now) }
                read = reflects
                readFeed(now)
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
        let answer = try ledger.auction(id)
        var writer = JSONWriter()
        writer.liveAuction(answer.value, reflects: answer.reflects)
        let event = LiveEvent(
            "auction", position: answer.reflects, mark: mark, data: writer.bytes)
        return (event, answer.value.isFinished)
    }

    /// A wallet's state as an event.
    /// - Throws: `LedgerError.unknownName`.
    func walletEvent(_ id: UserID, _ mark: ChangeMark) throws(LedgerError) -> LiveEvent {
        let answer = try ledger.wallet(id)
        var writer = JSONWriter()
        writer.wallet(answer.value)
        return LiveEvent("wallet", position: answer.reflects, mark: mark, data: writer.bytes)
    }

    // MARK: The feed

    private func readFeed(_ now: ContinuousClock.Instant) {
        let (start, told) = state.withLock { state in
            (state.topics[.feed] == nil ? nil : state.feedPosition, state.feedTold)
        }
        guard let start else { return }
        let reflects = ledger.reflects
        guard reflects > start else { return }
        var event: LiveEvent?
        let next: UInt64
        if reflects - start > Self.feedLagMax {
            event = resetEvent(from: told, to: reflects)
            next = reflects
        } else {
            do {
                let touched = try ledger.auctionsTouched(
                    from: start, entriesMax: Self.feedRoundEntriesMax,
                    auctionsMax: Self.feedAuctionsMax)
                if !touched.auctions.isEmpty { event = feedEvent(touched, from: told) }
                next = touched.next
            } catch {
                logger.error("the feed was not read", metadata: ["error": "\(error)"])
                return
            }
        }
        let listeners = state.withLock { state -> [LiveListener] in
            state.feedPosition = next
            guard event != nil else { return [] }
            state.feedTold = next
            return state.topics[.feed].map { Array($0.bySeat.values) } ?? []
        }
        guard let event else { return }
        for listener in listeners { listener.put(event, at: now) }
    }

    /// What changed from a position on, as far as it goes into one event.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    func feedEvent(from start: UInt64, entriesMax: Int) throws(LedgerError) -> LiveEvent {
        feedEvent(
            try ledger.auctionsTouched(
                from: start, entriesMax: entriesMax, auctionsMax: Self.feedAuctionsMax),
            from: start)
    }

    private func feedEvent(_ touched: TouchedAuctions, from start: UInt64) -> LiveEvent {
        var writer = JSONWriter()
        let reflects = ledger.reflects
        writer.object { object in
            object.name("auctions")
            object.array { array in
                for id in touched.auctions {
                    guard let answer = try? ledger.auction(id) else { continue }
                    array.liveAuction(answer.value, reflects: answer.reflects)
                }
            }
            object.field("more", touched.next < reflects)
        }
        return LiveEvent("feed", position: touched.next, start: start, data: writer.bytes)
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
    private let name: String

    fileprivate init(hub: LiveHub, number: UInt64, topic: LiveTopic, name: String) {
        self.hub = hub
        self.number = number
        self.topic = topic
        self.name = name
    }

    /// Gives the place up now.
    func leave() { hub.leave(number, topic, name) }

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

extension AuctionView {
    /// Whether nothing will happen to it any more.
    var isFinished: Bool { status == .closed || status == .cancelled }
}

extension JSONWriter {
    /// Writes what is shown of an auction while it goes on:
    ///
    ///     {"auction":"lot-1","currency":"USD","status":"open","outcome":null,"winner":null,
    ///      "leader":"alice","price":1500,"minimum_bid":1600,"bids":3,"accepted_bids":2,
    ///      "closes_at":"…","reserve_met":true,"buy_now_price":null,"reflects":42}
    mutating func liveAuction(_ view: AuctionView, reflects: UInt64) {
        object { object in
            object.field("auction", view.auction)
            object.field("currency", view.currency.code)
            object.field("status", view.status.jsonName)
            object.field("outcome", view.outcome?.jsonName)
            object.field("winner", view.winner)
            object.field("leader", view.leader)
            object.field("price", view.price)
            object.field("minimum_bid", view.minimumBid)
            object.field("bids", view.bids)
            object.field("accepted_bids", view.acceptedBids)
            object.field("closes_at", view.closesAt)
            object.field("reserve_met", view.isReserveMet)
            object.field("buy_now_price", view.buyNowPrice)
            object.field("reflects", reflects)
        }
    }
}
