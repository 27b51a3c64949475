// How far deciding may run ahead of durability, and what is known to be durable.
//
// Invariants: at most `framesInFlightMax` frames are handed over and not reported; `durableCount`
// only grows; after a frame failed it stands still for ever.

internal import Dispatch
internal import Synchronization

/// The state shared by the core's thread, which hands frames over, and the publisher, which hears
/// what became of them.
final class Pipeline: Sendable {
    private struct State {
        var inFlight = 0
        var durableCount: UInt64
        var failure: LedgerError?
        var wantsIDs = false
    }

    private let state: Mutex<State>
    private let core = Mutex(CoreStatus())
    private let room: DispatchSemaphore

    init(durableCount: UInt64, framesInFlightMax: Int) {
        state = Mutex(State(durableCount: durableCount))
        // Counted up from zero: a semaphore that goes with places taken is a fault to Dispatch.
        room = DispatchSemaphore(value: 0)
        for _ in 0..<max(1, framesInFlightMax) { room.signal() }
    }

    var inFlight: Int { state.withLock { $0.inFlight } }
    /// How many entries are durable.
    var durableCount: UInt64 { state.withLock { $0.durableCount } }
    var failure: LedgerError? { state.withLock { $0.failure } }
    /// What the core last said of itself.
    var status: CoreStatus {
        get { core.withLock { $0 } }
        set { core.withLock { $0 = newValue } }
    }

    /// Takes a place for a frame; blocks while the store is as many frames behind as it takes.
    /// - Returns: whether the frame is to carry the ids of recent commands.
    func takePlace() -> Bool {
        room.wait()
        return state.withLock { state in
            state.inFlight += 1
            defer { state.wantsIDs = false }
            return state.wantsIDs
        }
    }

    /// Has the next frame carry the ids of recent commands.
    func askForIDs() { state.withLock { $0.wantsIDs = true } }

    /// A frame is durable: frees its place.
    func advance(to durableCount: UInt64) {
        state.withLock { state in
            state.inFlight -= 1
            state.durableCount = max(state.durableCount, durableCount)
        }
        room.signal()
    }

    /// Remembers why nothing can be promised any more, when no frame is to blame.
    func recordFailure(_ error: LedgerError) {
        state.withLock { if $0.failure == nil { $0.failure = error } }
    }

    /// A frame failed: frees its place and remembers why.
    func fail(_ error: LedgerError) {
        state.withLock { state in
            state.inFlight -= 1
            if state.failure == nil { state.failure = error }
        }
        room.signal()
    }
}
