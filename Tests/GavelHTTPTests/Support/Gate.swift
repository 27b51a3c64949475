// How many services tests may run at once: each ledger reserves more than a terabyte of addresses,
// and a process has 128.
//
// Invariant: who leaves lets one in who waits, in order.

import Synchronization

/// Lets a few in at a time.
final class Gate: Sendable {
    static let services = Gate(room: 10)

    private struct State {
        var room: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(room: Int) { state = Mutex(State(room: room)) }

    /// Waits until there is room, and takes it.
    func enter() async {
        await withCheckedContinuation { continuation in
            let hasRoom = state.withLock { state in
                guard state.room == 0 else {
                    state.room -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if hasRoom { continuation.resume() }
        }
    }

    /// Gives the room to who has waited longest.
    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.room += 1
            return nil
        }
        next?.resume()
    }
}
