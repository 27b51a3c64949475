// How many connections one address may have, so that it cannot take them all.
//
// Behind a trusted proxy the connections are the proxy's own: there the calls that are under way
// are counted instead, by the address that the proxy names.
//
// Invariants: what was taken is given back when the connection or the call ends; an address that
// has none is not kept; one that is turned away is told so and costs one write.

internal import NIOCore
internal import Synchronization

/// What each address has of the connections.
final class ConnectionShares: Sendable {
    private let max: Int
    private let taken = Mutex<[PeerAddress: Int]>([:])
    private let refused = RefusalCount()

    /// - Parameter max: for each address; 0 sets no limit.
    init(max: Int) { self.max = max }

    /// How often an address was turned away.
    var refusedCount: Int { refused.count }

    /// - Returns: false where the address has its share.
    func take(_ peer: PeerAddress) -> Bool {
        guard max > 0 else { return true }
        let isTaken = taken.withLock { taken in
            let count = taken[peer, default: 0]
            if count < max { taken[peer] = count + 1 }
            return count < max
        }
        if !isTaken { refused.add() }
        return isTaken
    }

    func leave(_ peer: PeerAddress) {
        guard max > 0 else { return }
        taken.withLock { taken in
            let left = taken[peer, default: 1] - 1
            taken[peer] = left == 0 ? nil : left
        }
    }
}

/// Puts the handler that counts a connection before all others, and goes.
final class ConnectionShareGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private let shares: ConnectionShares?

    /// - Parameter shares: nil counts nothing.
    init(_ shares: ConnectionShares?) { self.shares = shares }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            if let shares {
                try pipeline.addHandler(ConnectionSharer(shares), position: .first)
            }
            pipeline.removeHandler(context: context, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}

/// Counts one connection, or turns it away.
private final class ConnectionSharer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let answer =
        "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\nretry-after: 1\r\n"
        + "content-length: 0\r\n\r\n"

    private let shares: ConnectionShares
    private var peer: PeerAddress?
    private var isTurnedAway = false

    init(_ shares: ConnectionShares) { self.shares = shares }

    func channelActive(context: ChannelHandlerContext) {
        let peer = PeerAddress(context.channel.remoteAddress)
        if shares.take(peer) { self.peer = peer } else { isTurnedAway = true }
        context.fireChannelActive()
        guard isTurnedAway else { return }
        let bytes = context.channel.allocator.buffer(string: Self.answer)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isTurnedAway { context.fireChannelRead(data) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let peer { shares.leave(peer) }
        peer = nil
        context.fireChannelInactive()
    }
}
