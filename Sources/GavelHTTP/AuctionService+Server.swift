// The service on a socket: Hummingbird's server with this house's limits.

internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle

extension AuctionService {
    /// The server that answers for this service, to be run by a `ServiceGroup` or on its own.
    ///
    /// - Parameter onListening: told the port once calls are taken.
    public func server(
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) -> some ServiceLifecycle.Service {
        let (headTime, bodyTime) = (TimeAmount(options.headTime), TimeAmount(options.bodyTime))
        // Behind a proxy that says who calls, connections are the proxy's and calls are counted.
        let shares = options.trustsForwardedFor ? nil : connectionShares
        return Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [
                        SlowClientGuard(headTime: headTime, bodyTime: bodyTime),
                        MessageGuard(),
                        ConnectionShareGuard(shares),
                    ],
                    idleTimeout: .init(options.idleTime),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768,
                        maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(options.host, port: options.port), serverName: "gavel",
                backlog: options.backlog,
                availableConnectionsDelegate: ConnectionLimit(
                    count: meters.connections, max: options.connectionsMax)),
            services: [live],
            onServerRunning: { channel in
                await onListening(channel.localAddress?.port ?? 0)
            },
            logger: logger)
    }
}
