// What HTTP/1.1 demands of messages and Hummingbird leaves to others: a request names its host
// (RFC 9112 section 3.2), and what answers HEAD ends with its head (RFC 9110 section 9.3.2).
//
// Whatever came behind such a head would be read as the next answer, which behind a proxy is
// another client's. An answer without a length is chunked, and its last chunk, which the encoder
// writes by itself, is content too.
//
// Invariant: of an answer to HEAD nothing but the head reaches the encoder, whoever has made it.

internal import NIOCore
internal import NIOHTTP1

/// Puts the guard's handler behind the decoder, where requests are. Itself it only stands in
/// Hummingbird's list, and goes once that is done.
final class MessageGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(MessageRules(), position: .after(decoder))
            pipeline.removeHandler(context: context, promise: nil)
        } catch {
            // Without a decoder it is no HTTP connection of ours.
            context.close(promise: nil)
        }
    }
}

/// Looks at requests and answers on their way.
private final class MessageRules: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Of each request that is not answered to its end whether it is a HEAD, in order.
    private var unanswered = CircularBuffer<Bool>()
    /// After a request that is none nothing of the connection is read any more.
    private var isBroken = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isBroken { return }
        if case .head(let head) = unwrapInboundIn(data) {
            guard head.namesHost else {
                isBroken = true
                // As for every request that cannot be read: 400, and the end.
                context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
                return
            }
            unanswered.append(head.method == .HEAD)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part = unwrapOutboundIn(data)
        // An answer to no request is that to one that could not be read.
        let isToHead = unanswered.first ?? false
        switch part {
        case .head: break
        case .body: if isToHead { return complete(promise, context) }
        case .end:
            _ = unanswered.popFirst()
            if isToHead { return complete(promise, context) }
        }
        context.write(data, promise: promise)
    }

    /// Completes what is not written in order with what is.
    private func complete(_ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        guard promise != nil else { return }
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: promise)
    }
}

extension HTTPRequestHead {
    /// Whether there is one Host, as there must be but in HTTP/1.0.
    fileprivate var namesHost: Bool {
        let count = headers["host"].count
        return count == 1 || count == 0 && version == .http1_0
    }
}
