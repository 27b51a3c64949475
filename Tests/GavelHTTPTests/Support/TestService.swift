// A service in the test's own process, on a ledger in a folder of its own and a free port.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import GavelHTTP

/// Callers by token, for tests of everything but tokens: `alice`, `bob` and the like are users of
/// that name; `operator`, `auditor` and `payment` have that role.
struct NamedCallers: Authenticator {
    func caller(bearing token: Substring) async throws(Problem) -> Caller {
        let roles = Roles.named.first { $0.name == token }?.role ?? []
        return Caller(user: UserID(unchecked: String(token)), roles: roles)
    }
}

/// A running service.
final class TestService: Sendable {
    let ledger: Ledger
    let service: AuctionService
    let port: Int
    let folder: URL
    private let running: Task<Void, any Error>

    private init(
        _ ledger: Ledger, _ service: AuctionService, port: Int, folder: URL,
        running: Task<Void, any Error>
    ) {
        self.ledger = ledger
        self.service = service
        self.port = port
        self.folder = folder
        self.running = running
    }

    /// Runs `body` against a service and ends it afterwards.
    static func with(
        _ change: (inout ServiceOptions) -> Void = { _ in },
        configuration: Configuration = Configuration(), logger: Logger? = nil,
        routes: [Route] = AuctionService.routes,
        authenticator: (any Authenticator)? = NamedCallers(),
        _ body: (TestService) async throws -> Void
    ) async throws {
        await Gate.services.enter()
        defer { Gate.services.leave() }
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-http-\(UUID().uuidString)")
        var configuration = configuration
        configuration.logger = logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let ledger = try await Ledger.open(at: folder.path, configuration: configuration)
        var options = ServiceOptions()
        options.port = 0
        options.callsPerSecondByUser = 0
        options.callsPerSecondByAddress = 0
        options.signInsPerHourByUser = 0
        options.signInsPerHourByAddress = 0
        options.signInsPerHourByName = 0
        options.signUpsPerHourByAddress = 0
        options.openingsPerMinute = 0
        options.raisesPerMinute = 0
        options.withdrawalsPerMinute = 0
        options.passwordCostLog2 = 4
        change(&options)
        let store = try ServiceStore(ledger: folder.path)
        let service = try await AuctionService(
            ledger: ledger, store: store, authenticator: authenticator, options: options,
            logger: logger ?? configuration.logger, clock: configuration.clock, routes: routes)
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        let (group, running) = run(service.server { continuation.yield($0) })
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let test = TestService(ledger, service, port: port, folder: folder, running: running)
        let result: Result<Void, any Error>
        do { result = .success(try await body(test)) } catch { result = .failure(error) }
        await group.triggerGracefulShutdown()
        _ = await running.result
        await ledger.close()
        store.close()
        try? FileManager.default.removeItem(at: folder)
        try result.get()
    }

    /// Runs a server until it is told to end. Not by cancelling its task: connections that it has
    /// accepted and not looked at yet would be dropped unfinished, at which NIO traps.
    static func run(_ server: some Service) -> (ServiceGroup, Task<Void, any Error>) {
        var configuration = ServiceGroupConfiguration(
            services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        configuration.maximumGracefulShutdownDuration = .seconds(1)
        let group = ServiceGroup(configuration: configuration)
        return (group, Task { try await group.run() })
    }

    func connect() throws -> TestConnection { try TestConnection(port: port) }

    /// One call on a connection of its own.
    /// - Parameters:
    ///   - token: who calls; nil for nobody.
    ///   - key: the Idempotency-Key; a new one for every POST, PUT and PATCH where none is given.
    @discardableResult
    func call(
        _ method: String, _ path: String, as token: String? = nil, key: CommandID? = nil,
        headers: [(String, String)] = [], _ body: String? = nil
    ) async throws -> TestAnswer {
        var headers = headers
        if let token { headers.append(("authorization", "Bearer \(token)")) }
        if method != "GET", !headers.contains(where: { $0.0 == "idempotency-key" }) {
            headers.append(("idempotency-key", (key ?? .generate(at: ledger.now)).description))
        }
        return try await connect().call(method, path, headers: headers, body: body)
    }

    func get(_ path: String, as token: String? = nil) async throws -> TestAnswer {
        try await call("GET", path, as: token)
    }

    /// A ledger with USD, and users with that much money each.
    func furnish(_ users: [UserID], amount: Int64 = 100_000) async throws {
        try await submit(.registerCurrency(Currency(code: "USD", scale: 2)))
        for user in users {
            try await submit(.registerUser(user))
            guard amount > 0 else { continue }
            try await submit(
                .charge(
                    user: user, currency: "USD", amount: Money(minorUnits: amount),
                    reference: PaymentReference(unchecked: "first-\(user)")))
        }
    }

    @discardableResult
    func submit(_ command: Command) async throws -> Receipt {
        // By the ledger's clock, which may be one that a test moves.
        let receipt = try await ledger.submit(command, id: .generate(at: ledger.now))
        #expect(receipt.status == .accepted, "\(command): \(receipt)")
        return receipt
    }
}
