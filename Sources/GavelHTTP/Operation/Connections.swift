// How many connections there may be. Those beyond wait in the kernel's queue, which costs the
// service nothing, and are taken up as others end.
//
// Invariant: the count is of connections taken up and not yet closed.

internal import HummingbirdCore
internal import Synchronization

/// How many connections are open.
final class ConnectionCount: Sendable {
    private let open = Atomic<Int>(0)

    var count: Int { open.load(ordering: .relaxed) }

    fileprivate func add(_ change: Int) { open.wrappingAdd(change, ordering: .relaxed) }
}

/// Tells Hummingbird whether another connection is taken up.
struct ConnectionLimit: AvailableConnectionsDelegate {
    let count: ConnectionCount
    let max: Int

    mutating func connectionOpened() { count.add(1) }
    mutating func connectionClosed() { count.add(-1) }
    func isAcceptingNewConnections() -> Bool { count.count < max }
}
