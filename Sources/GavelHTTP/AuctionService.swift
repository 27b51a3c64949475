// The service: a ledger's front door for clients over HTTP. It holds the parts together and knows
// no rule: what may be done is decided by the ledger.
//
// Invariants: what leaves is the public view, or the caller's own; every write has a command id;
// nothing is answered that is not durable.

internal import AuctionDomain
internal import Gavel
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Synchronization

/// A service on an open ledger.
public final class AuctionService: Sendable {
    let ledger: Ledger
    let options: ServiceOptions
    let store: ServiceStore
    let accounts: AccountStore
    let members: Members
    let authenticator: any Authenticator
    let commandIDs: CommandIDs
    let limits: Limits
    let meters = Meters()
    /// Where reads run that may take long: pages found by reading the log on, wallets of long ago,
    /// titles looked through. However many are asked for, the tasks of all other calls go on.
    let slowReads = FairWorkers(name: "slow-reads", threads: 2, waitingMax: 32)
    let connectionShares: ConnectionShares
    let live: LiveHub
    let logger: Logger
    private let served: [Route]
    let closesLedger: Bool
    private let shutdown = Atomic<Bool>(false)

    /// - Parameter authenticator: nil knows callers by the tokens of their accounts.
    init(
        ledger: Ledger, store: ServiceStore, authenticator: (any Authenticator)? = nil,
        options: ServiceOptions, logger: Logger, clock: any LedgerClock = SystemClock(),
        routes: [Route] = AuctionService.routes, closesLedger: Bool = false
    ) async throws {
        try options.check()
        served = routes
        self.closesLedger = closesLedger
        self.ledger = ledger
        self.store = store
        accounts = try AccountStore(store, clock: clock)
        members = try await Members(accounts, ledger: ledger, options: options, logger: logger)
        self.authenticator = authenticator ?? members.authenticator
        commandIDs = CommandIDs(secret: ledger.reading.secret)
        self.options = options
        self.logger = logger
        limits = Limits(options)
        connectionShares = ConnectionShares(max: options.connectionsByAddress)
        live = LiveHub(ledger: ledger, options: options, logger: logger)
        members.gate.observe { [live] user in live.end(user) }
    }

    /// Lets callers act as long as they may.
    var gate: CallerGate { members.gate }

    /// Every route of the service, in the order of the document.
    static let routes: [Route] =
        UserRoutes.routes + TokenRoutes.routes + MeRoutes.routes + PaymentRoutes.routes
        + AuctionRoutes.routes + LiveRoutes.routes + EvidenceRoutes.routes + MetaRoutes.routes
    /// Every named schema of their bodies.
    static let schemas: [(name: String, schema: Schema)] =
        UserRoutes.schemas + TokenRoutes.schemas + PaymentRoutes.schemas + AuctionRoutes.schemas
        + EvidenceRoutes.schemas + MetaRoutes.schemas

    /// Says on the operations listener that the service is not ready any more. Calls are still
    /// answered: whoever runs the servers ends them.
    public func beginShutdown() { shutdown.store(true, ordering: .relaxed) }
    var isShuttingDown: Bool { shutdown.load(ordering: .relaxed) }

    /// Finds the route of a request.
    var router: Router<ServiceContext> {
        let router = Router(context: ServiceContext.self)
        let gatekeeper = Gatekeeper(service: self)
        // One for all: what strangers ask for must not grow what is kept.
        let unrouted = CallObserver(
            method: "other", route: "none",
            meter: RouteMeter(
                meters.registry, method: "other", route: "none", statuses: [400, 404, 405]),
            slowNanoseconds: slowNanoseconds)
        var methods: [String: [HTTPRequest.Method]] = [:]
        for route in served {
            // HEAD is what GET is, without content.
            let taken = [route.operation.method] + (route.operation.method == .get ? [.head] : [])
            methods[route.operation.path, default: []] += taken
            let observer = CallObserver(
                method: route.operation.method.rawValue, route: route.operation.path,
                meter: RouteMeter(meters.registry, route.operation),
                slowNanoseconds: slowNanoseconds)
            for method in taken {
                router.on(RouterPath(route.operation.path), method: method) { request, context in
                    try await observer.observe(request, context) { request, context in
                        try await gatekeeper.answer(request, context, route)
                    }
                }
            }
        }
        for (path, known) in methods {
            let allowed = known.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !known.contains(method) {
                router.on(RouterPath(path), method: method) { request, context in
                    try await unrouted.observe(request, context) { _, _ in
                        var problem = Problem(
                            .methodNotAllowed, "expected \(allowed), not \(method.rawValue)")
                        problem.headers[.allow] = allowed
                        return problem.response
                    }
                }
            }
        }
        router.add(middleware: NotFoundMiddleware(observer: unrouted))
        return router
    }

    /// How often each limit said no, by its setting or by what is shared.
    var refusedByLimits: [(limit: String, count: Int)] {
        limits.refused + [
            ("address-connections", connectionShares.refusedCount),
            ("slow-reads", slowReads.refusedCount),
            ("passwords", members.passwords.workers.refusedCount),
        ]
    }

    private var slowNanoseconds: UInt64 {
        UInt64(max(0, options.slowRequest / .nanoseconds(1)))
    }

    private static let methods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .patch, .delete, .options, .trace, .connect, .query,
    ]
}

/// Answers what no route takes.
private struct NotFoundMiddleware: RouterMiddleware {
    let observer: CallObserver

    func handle(
        _ request: Request, context: ServiceContext,
        next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        try await observer.observe(request, context) { request, context in
            do { return try await next(request, context) } catch {
                return Problem(.notFound, "there is nothing at \(request.uri.path)").response
            }
        }
    }
}
