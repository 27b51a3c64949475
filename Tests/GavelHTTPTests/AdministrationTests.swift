// `gavel-server users` and `gavel-server keys`, as a child process.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Logging
import Testing

@testable import GavelHTTP

/// What a child left behind.
private struct Run {
    var output: String
    var errors: String
    var status: Int32
}

@Suite("Administration from the command line")
final class AdministrationTests {
    private let folder = FileManager.default.temporaryDirectory
        .appending(path: "gavel-administration-\(UUID().uuidString)")
    private var path: String { folder.appending(path: "ledger").path }

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Runs `gavel-server` with the ledger.
    private func run(_ arguments: String..., input: String = "") async throws -> Run {
        let run = try await ServerProcess.run(arguments + ["--ledger", path], input: input)
        return Run(output: run.output, errors: run.error, status: run.status)
    }

    @Test("The first operator is added, listed, given other roles and a password, and closed")
    func cycle() async throws {
        let added = try await run(
            "users", "add", "root", "--role", "operator", "--password-cost", "10",
            input: "correct horse battery\n")
        #expect(added.status == 0, "\(added.errors)")
        let user = added.output.trimmingCharacters(in: .newlines)
        #expect(user.hasPrefix("u") && user.count == 21)
        #expect(try await run("users", "list").output == "\(user)\troot\tactive\toperator\n")

        let twice = try await run(
            "users", "add", "ROOT", "--password-cost", "10", input: "correct horse battery\n")
        #expect(twice.status == 1)
        #expect(twice.errors.hasPrefix("gavel-server: "))
        let short = try await run("users", "add", "bob", input: "short\n")
        #expect(short.status == 2)
        #expect(!short.errors.contains("short\n") && short.errors.contains("10 to 256"))
        let role = try await run(
            "users", "add", "bob", "--role", "king", input: "correct horse battery\n")
        #expect(role.status == 2)
        #expect(role.errors.contains("operator or auditor or payment"))

        let roles = try await run("users", "roles", "root", "--set", "operator,auditor")
        #expect(roles.status == 0)
        #expect(try await run("users", "list").output.hasSuffix("operator,auditor\n"))
        let unknown = try await run("users", "roles", "nobody", "--set", "")
        #expect(unknown.status == 2)
        let file = folder.appending(path: "password")
        try Data("another password\n".utf8).write(to: file)
        let password = try await run(
            "users", "password", "root", "--password-cost", "10", "--password-file", file.path)
        #expect(password.status == 0, "\(password.errors)")

        let first = try await run("keys", "rotate", "--algorithm", "ES256")
        let second = try await run("keys", "rotate", "--drop-former")
        #expect(first.status == 0 && second.status == 0)
        #expect(first.output != second.output)

        // What was administered is what the service has.
        var configuration = Configuration()
        configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let ledger = try await Ledger.open(at: path, configuration: configuration)
        var options = ServiceOptions()
        options.passwordCostLog2 = 4
        options.tokenAlgorithm = .es256
        let service = try await AuctionService.open(
            ledger: ledger, at: path, options: options, logger: configuration.logger)
        let pair = try await service.members.signIn("root", Password("another password"))
        let caller = try await service.authenticator.caller(bearing: Substring(pair.access))
        #expect(caller.user == UserID(unchecked: user))
        #expect(caller.roles == [.operator, .auditor])
        #expect(
            try await service.members.keys.signing().row.kid
                == second.output.trimmingCharacters(in: .newlines))

        for held in [
            try await run("users", "list"), try await run("users", "close", "root"),
            try await run("keys", "rotate"),
        ] {
            #expect(held.status == 4)
            let pid = ProcessInfo.processInfo.processIdentifier
            #expect(held.errors.hasSuffix("\(path) is being written by process \(pid)\n"))
        }
        await service.close()
        await ledger.close()

        #expect(try await run("users", "close", "root").status == 0)
        #expect(try await run("users", "list").output == "\(user)\t-\tclosed\t-\n")
        #expect(try await run("users", "close", "root").status == 2)
    }

    @Test("An account is bound to a user of the ledger; each has one at most, and the house none")
    func binding() async throws {
        var configuration = Configuration()
        configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let ledger = try await Ledger.open(at: path, configuration: configuration)
        _ = try await ledger.submit(.registerUser("seller-7"), id: .generate())
        _ = try await ledger.submit(
            .registerCurrency(Currency(code: "USD", scale: 2)), id: .generate())
        _ = try await ledger.submit(
            .charge(user: "seller-7", currency: "USD", amount: 5, reference: "r"), id: .generate())
        await ledger.close()
        let input = "correct horse battery\n"
        let bound = try await run(
            "users", "add", "sally", "--user", "seller-7", "--password-cost", "10", input: input)
        #expect(bound.status == 0, "\(bound.errors)")
        #expect(bound.output == "seller-7\n")
        for (name, user) in [("sam", "seller-7"), ("sam", "nobody"), ("sam", "house")] {
            let refused = try await run(
                "users", "add", name, "--user", user, "--password-cost", "10", input: input)
            #expect(refused.status == 2, "\(user)")
            #expect(refused.output.isEmpty)
        }
        let funds = try await run("users", "close", "sally")
        #expect(funds.status == 1)
        #expect(funds.errors == "gavel-server: the wallet has USD left\n")
    }

    @Test("Where there is no ledger nothing is made, except by adding the first account")
    func missing() async throws {
        for arguments in [["users", "list"], ["users", "close"], ["keys", "rotate"]] {
            let run =
                arguments[1] == "close"
                ? try await run("users", "close", "root")
                : try await run(arguments[0], arguments[1])
            #expect(run.status == 4, "\(arguments)")
            #expect(run.errors.hasPrefix("gavel-server: "))
            #expect(run.errors.hasSuffix("there is no ledger at \(path)\n"))
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }
}
