// Ends connections whose client takes too long to say what it wants: a head or a body that comes
// byte by byte holds a connection for ever otherwise (slowloris).
//
// A request's time for its head runs from its first byte, for its body from the end of the head.
// Between requests only the idle timeout counts, and nothing is cut while it is being answered:
// streams of events last as long as their listeners want.
//
// Invariants: a request that comes whole in one read, as all honest ones do, costs no timer; a
// connection has at most one timer; 408 is the answer where nothing else can be under way: to a
// connection's first head, and to a body before any answer to its request.

internal import NIOCore
internal import NIOHTTP1

/// What the two handlers of one connection know together. Touched on its event loop only.
private final class ConnectionWatch {
    enum Phase {
        case betweenRequests
        case head(since: NIODeadline)
        case body(since: NIODeadline)
    }

    let headTime: TimeAmount
    let bodyTime: TimeAmount
    var phase = Phase.betweenRequests
    /// Whether anything was sent since the last head, and whether there was one.
    var hasSent = false
    var hasReadHead = false

    init(headTime: TimeAmount, bodyTime: TimeAmount) {
        self.headTime = headTime
        self.bodyTime = bodyTime
    }

    /// When the client must have gone on; nil when nothing is awaited.
    var deadline: NIODeadline? {
        switch phase {
        case .betweenRequests: nil
        case .head(let since): since + headTime
        case .body(let since): since + bodyTime
        }
    }

    /// Whether an answer can be given that the client will take for the one it waits for.
    var mayAnswer: Bool {
        switch phase {
        case .betweenRequests: false
        case .head: !hasReadHead
        case .body: !hasSent
        }
    }
}

/// Puts the guard's two handlers where they belong: one before all others, where bytes come in, and
/// one behind the decoder, where requests do. Itself it only stands in Hummingbird's list, and goes
/// once that is done: every handler costs every call something.
final class SlowClientGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private let watch: ConnectionWatch

    init(headTime: TimeAmount, bodyTime: TimeAmount) {
        watch = ConnectionWatch(headTime: headTime, bodyTime: bodyTime)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(RequestObserver(watch), position: .after(decoder))
            try pipeline.addHandler(ByteObserver(watch), position: .first)
            pipeline.removeHandler(context: context, promise: nil)
        } catch {
            // Without a decoder it is no HTTP connection of ours.
            context.close(promise: nil)
        }
    }
}

/// Sees when bytes come and go, and keeps the timer.
private final class ByteObserver: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let answer =
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

    private let watch: ConnectionWatch
    private var timer: Scheduled<Void>?

    init(_ watch: ConnectionWatch) { self.watch = watch }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .betweenRequests = watch.phase { watch.phase = .head(since: .now()) }
        // The decoder and the handler behind it run within this call.
        context.fireChannelRead(data)
        if let deadline = watch.deadline, timer == nil { schedule(context, deadline) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        watch.hasSent = true
        context.write(data, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    private func schedule(_ context: ChannelHandlerContext, _ deadline: NIODeadline) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            self.check(context)
        }
    }

    private func check(_ context: ChannelHandlerContext) {
        guard let deadline = watch.deadline else { return }
        if deadline > .now() {
            schedule(context, deadline)
            return
        }
        if watch.mayAnswer {
            let bytes = context.channel.allocator.buffer(string: Self.answer)
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }
        context.close(promise: nil)
    }
}

/// Sees where requests begin and end.
private final class RequestObserver: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let watch: ConnectionWatch

    init(_ watch: ConnectionWatch) { self.watch = watch }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            watch.hasReadHead = true
            watch.hasSent = false
            watch.phase = .body(since: .now())
        case .body: break
        case .end: watch.phase = .betweenRequests
        }
        context.fireChannelRead(data)
    }
}
