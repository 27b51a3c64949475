// A house that is served by a process of its own, on a ledger in a folder of its own, and the
// people who have accounts there.
//
// Invariant: process and folder go when the test does.

import AuctionDomain
import Foundation
import Gavel
import Testing

/// A person with an account.
struct Person: Sendable {
    var username: String
    /// The user of the ledger.
    var user: String
    var token: String
}

/// A service in a process of its own.
final class ServedHouse: @unchecked Sendable {
    static let password = "correct horse battery staple"

    let folder: URL
    private let options: [String]
    private var process: ServerProcess?

    var ledger: String { folder.appending(path: "ledger").path }
    var port: Int { process?.port ?? 0 }

    /// - Parameter options: flags beside those that every test needs.
    private init(_ options: [String]) throws {
        self.options = options
        folder = FileManager.default.temporaryDirectory
            .appending(path: "gavel-server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs `body` with a service that has one member of staff, `staff`.
    static func with(
        _ options: [String] = [], _ body: (ServedHouse) async throws -> Void
    ) async throws {
        let house = try ServedHouse(options)
        let added = try await ServerProcess.run(
            [
                "users", "add", "staff", "--ledger", house.ledger, "--role", "operator",
                "--role", "payment", "--role", "auditor", "--password-cost", "10",
            ], input: password + "\n")
        #expect(added.status == 0, "\(added.error)")
        try await house.start()
        try await body(house)
    }

    /// Starts the service, or starts it again.
    func start() async throws {
        process = try await ServerProcess(
            ledger: ledger,
            [
                "--password-cost", "10", "--user-calls", "0", "--address-calls", "0",
                "--user-sign-ins", "0", "--address-sign-ins", "0", "--name-sign-ins", "0",
                "--address-sign-ups", "0", "--openings", "0", "--raises", "0",
                "--withdrawals", "0",
            ] + options)
    }

    /// Ends the process as a power failure would, as far as a process can.
    func kill() async {
        process?.signal(SIGKILL)
        _ = await process?.end()
    }

    /// Asks it to end, and waits until it has.
    /// - Returns: the exit code, or minus the signal.
    func end() async -> Int32? {
        process?.signal(SIGTERM)
        return await process?.end()
    }

    // MARK: Calls

    func connect() throws -> TestConnection { try TestConnection(port: port) }

    /// One call on a connection of its own, with a fresh key for a write where none is given.
    @discardableResult
    func call(
        _ method: String, _ path: String, by person: Person? = nil, key: CommandID? = nil,
        headers: [(String, String)] = [], _ body: String? = nil
    ) async throws -> TestAnswer {
        var headers = headers
        if let person { headers.append(("authorization", "Bearer \(person.token)")) }
        if method != "GET" {
            headers.append(("idempotency-key", (key ?? .generate()).description))
        }
        return try await connect().call(method, path, headers: headers, body: body)
    }

    func signIn(_ username: String) async throws -> Person {
        let answer = try await call(
            "POST", "/tokens",
            "{\"username\":\"\(username)\",\"password\":\"\(Self.password)\"}")
        #expect(answer.status == 200, "\(answer.text)")
        return Person(
            username: username, user: answer.json["user"] as? String ?? "",
            token: answer.json["access_token"] as? String ?? "")
    }

    func signUp(_ username: String) async throws -> Person {
        let answer = try await call(
            "POST", "/users",
            "{\"username\":\"\(username)\",\"password\":\"\(Self.password)\"}")
        #expect(answer.status == 201, "\(answer.text)")
        return try await signIn(username)
    }

    /// Registers USD and puts money into wallets.
    func charge(_ people: [Person], amount: Int, by staff: Person) async throws {
        _ = try await call(
            "POST", "/currencies", by: staff, "{\"currency\":\"USD\",\"scale\":2}")
        for person in people {
            let answer = try await call(
                "POST", "/wallets/\(person.user)/charge", by: staff,
                "{\"currency\":\"USD\",\"amount\":\(amount),\"reference\":\"psp-\(person.user)\"}")
            #expect(answer.status == 201, "\(answer.text)")
        }
    }
}
