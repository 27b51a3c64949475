// The second door, for those who run the service: is it alive, is it ready, what does it measure.
// It stands apart from the first so that none of it ever meets the public.
//
//     GET /live      200 while the process answers at all
//     GET /ready     200 when commands are taken, else 503 with the reasons
//     GET /metrics   the figures for Prometheus

internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
public import ServiceLifecycle

extension AuctionService {
    /// Why the service does not take commands now, in words for whoever runs it; none when it does.
    var reasonsNotReady: [String] {
        let ledger = ledger.statistics
        var reasons: [String] = []
        if isShuttingDown { reasons.append("the service is shutting down") }
        if let failure = ledger.failure { reasons.append("the ledger has stopped: \(failure)") }
        if ledger.isClosed { reasons.append("the ledger is closed") }
        if ledger.isStorageLow, let free = ledger.freeBytes {
            reasons.append(
                "storage is low: \(free) bytes are free, expected at least "
                    + "\(ledger.freeBytesMin); bids are refused")
        }
        if ledger.isClockHeld {
            reasons.append(
                "the wall clock is \(Double(ledger.clockGapNanoseconds) / 1e9) s ahead of the "
                    + "ledger's time, expected at most 60 s either way; bids are refused")
        }
        if ledger.queuedCommands >= ledger.queueCommandsMax {
            reasons.append("the queue of commands is full")
        }
        return reasons
    }

    /// The server for those who run the service.
    /// - Parameter onListening: told the port once calls are taken.
    public func operationsServer(
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> some ServiceLifecycle.Service {
        Application(
            router: operationsRouter,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [MessageGuard()], idleTimeout: .seconds(60))),
            configuration: ApplicationConfiguration(
                address: .hostname(options.operationsHost, port: options.operationsPort),
                serverName: "gavel"),
            onServerRunning: { channel in
                await onListening(channel.localAddress?.port ?? 0)
            },
            logger: logger)
    }

    var operationsRouter: Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.get("live") { _, _ in
            var writer = JSONWriter()
            writer.object { $0.field("status", "live") }
            return Response(json: writer)
        }
        router.get("ready") { [self] _, _ in
            let reasons = reasonsNotReady
            var writer = JSONWriter()
            writer.object { object in
                object.field("status", reasons.isEmpty ? "ready" : "not_ready")
                object.name("reasons")
                object.array { array in
                    for reason in reasons { array.value(reason) }
                }
            }
            var response = Response(
                json: writer, status: reasons.isEmpty ? .ok : .serviceUnavailable)
            if !reasons.isEmpty { response.headers[.retryAfter] = "5" }
            return response
        }
        router.get("metrics") { [self] _, _ in
            let page = meters.page(
                ledger.statistics, connectionsMax: options.connectionsMax,
                listeners: live.listenerCount, limited: refusedByLimits,
                waiting: [
                    ("slow-reads", slowReads.waitingCount),
                    ("passwords", members.passwords.workers.waitingCount),
                ])
            return Response(
                status: .ok,
                headers: [.contentType: Exposition.mediaType, .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: page)))
        }
        return router
    }
}
