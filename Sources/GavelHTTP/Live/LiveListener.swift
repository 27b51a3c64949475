// One open stream of events, seen from the hub: a place for the newest event, and somebody who
// takes it from there when the socket has room.
//
// Invariants: at most one event waits; what is newer replaces it, so a slow listener skips states
// and holds no memory; positions never fall; after the end nothing is taken up any more, but what
// waits is still handed out.

internal import AuctionDomain
internal import Gavel
internal import NIOCore
internal import Synchronization

/// One event, framed as it goes out; all listeners share its bytes.
struct LiveEvent: Sendable {
    /// The event's id: how many entries it takes to get to the last change that it tells of.
    let position: UInt64
    /// Of a feed: from which position on the event tells what changed.
    var start: UInt64?
    /// Of an auction or a wallet: what the state was read under.
    var mark: ChangeMark?
    let bytes: ByteBuffer
    /// What the event tells, without its id: the listener is not told the same twice.
    var content = ByteBuffer()
}

extension LiveEvent {
    /// Frames an event as server-sent.
    /// - Parameter data: one line of JSON; `JSONWriter` escapes line ends.
    init(
        _ name: String, position: UInt64, start: UInt64? = nil, mark: ChangeMark? = nil,
        data: [UInt8]
    ) {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(data.count + 64)
        bytes.writeString("id: \(position)\n")
        let id = bytes.writerIndex
        bytes.writeString("event: \(name)\ndata: ")
        bytes.writeBytes(data)
        bytes.writeString("\n\n")
        // Shares the bytes.
        let content = bytes.getSlice(at: id, length: bytes.writerIndex - id) ?? bytes
        self.init(position: position, start: start, mark: mark, bytes: bytes, content: content)
    }

    /// The event as its reader gets it.
    var text: String { String(buffer: bytes) }
}

/// One open stream.
final class LiveListener: Sendable {
    private struct State {
        var waiting: LiveEvent?
        var taker: CheckedContinuation<LiveEvent?, Never>?
        /// The last comment, once the stream is to end.
        var ending: ByteBuffer?
        var hasEnded = false
        var position: UInt64 = 0
        var mark: ChangeMark?
        var content: ByteBuffer?
        var lastEvent: ContinuousClock.Instant

        /// Leaves an event where it is taken from.
        /// - Returns: who waits for it.
        mutating func hand(
            _ event: LiveEvent, at now: ContinuousClock.Instant
        ) -> CheckedContinuation<LiveEvent?, Never>? {
            lastEvent = now
            guard let taker else {
                waiting = event
                return nil
            }
            self.taker = nil
            return taker
        }
    }

    /// When the caller's token expires.
    let expires: ContinuousClock.Instant?
    /// Who listens; nil for who is not signed in.
    let user: UserID?
    private let state: Mutex<State>

    init(user: UserID? = nil, expires: ContinuousClock.Instant? = nil) {
        self.user = user
        self.expires = expires
        state = Mutex(State(lastEvent: .now))
    }

    /// Puts an event in the place of the one that waits, unless the listener has seen as much.
    func put(_ event: LiveEvent, at now: ContinuousClock.Instant) {
        let taker = state.withLock { state -> CheckedContinuation<LiveEvent?, Never>? in
            guard !state.hasEnded, event.position >= state.position else { return nil }
            if let mark = event.mark, mark == state.mark { return nil }
            state.position = event.position
            state.mark = event.mark
            // A wallet's mark moves with each of the user's commands, the wallet with some.
            if event.mark != nil {
                guard event.content != state.content else { return nil }
                state.content = event.content
            }
            return state.hand(event, at: now)
        }
        taker?.resume(returning: event)
    }

    /// Takes note of what the other end has seen already.
    func note(_ event: LiveEvent) {
        state.withLock { state in
            (state.mark, state.content) = (event.mark, event.content)
            state.position = max(state.position, event.position)
        }
    }

    /// Shows that the stream lives, where it was silent for so long.
    func beat(after silence: Duration, at now: ContinuousClock.Instant) {
        let beat = LiveEvent(position: 0, bytes: Self.heartbeat)
        let taker = state.withLock { state -> CheckedContinuation<LiveEvent?, Never>? in
            guard !state.hasEnded, state.waiting == nil, now - state.lastEvent >= silence else {
                return nil
            }
            return state.hand(beat, at: now)
        }
        taker?.resume(returning: beat)
    }

    private static let heartbeat = ByteBuffer(string: ": heartbeat\n\n")

    /// Ends the stream: after what waits, and a last comment.
    func end(_ reason: String? = nil) {
        let comment = reason.map { ByteBuffer(string: ": \($0)\n\n") }
        let taker = state.withLock { state -> CheckedContinuation<LiveEvent?, Never>? in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            guard let taker = state.taker else {
                state.ending = comment
                return nil
            }
            state.taker = nil
            return taker
        }
        taker?.resume(returning: comment.map { LiveEvent(position: 0, bytes: $0) })
    }

    /// Waits for the next event.
    /// - Returns: nil when the stream is to end, or the task was cancelled.
    func next() async -> LiveEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isReady, event) = state.withLock { state -> (Bool, LiveEvent?) in
                    if let event = state.waiting {
                        state.waiting = nil
                        return (true, event)
                    }
                    if state.hasEnded {
                        defer { state.ending = nil }
                        return (true, state.ending.map { LiveEvent(position: 0, bytes: $0) })
                    }
                    state.taker = continuation
                    return (false, nil)
                }
                if isReady { continuation.resume(returning: event) }
            }
        } onCancel: {
            end()
        }
    }
}
