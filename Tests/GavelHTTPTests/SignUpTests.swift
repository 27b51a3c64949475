// Sign-ups that stop half-way: wherever a crash comes, after the next start there is an account
// with its user, or neither.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Logging
import Testing

@testable import GavelHTTP

/// A ledger with its accounts, without a server, that can be left and opened again.
final class BareService {
    let folder = FileManager.default.temporaryDirectory
        .appending(path: "gavel-accounts-\(UUID().uuidString)")
    let clock = ManualClock(at: SystemClock().now())
    private(set) var ledger: Ledger
    private(set) var store: ServiceStore
    private(set) var accounts: AccountStore
    var options = ServiceOptions()

    init() throws {
        (ledger, store, accounts) = try Self.open(folder.path, clock)
        options.passwordCostLog2 = 4
    }

    private static func open(
        _ path: String, _ clock: ManualClock
    ) throws -> (Ledger, ServiceStore, AccountStore) {
        var configuration = Configuration()
        configuration.clock = clock
        configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let ledger = try Ledger.openAndWait(at: path, configuration: configuration)
        let store = try ServiceStore(ledger: path)
        return (ledger, store, try AccountStore(store, clock: clock))
    }

    private func close() {
        ledger.closeAndWait()
        store.close()
    }

    func reopen() throws {
        close()
        (ledger, store, accounts) = try Self.open(folder.path, clock)
    }

    func end() {
        close()
        try? FileManager.default.removeItem(at: folder)
    }

    var signUps: SignUps {
        SignUps(accounts: accounts, passwords: PasswordHasher(costLog2: 4), ledger: ledger)
    }

    func members() async throws -> Members {
        try await Members(
            accounts, ledger: ledger, options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func request(_ name: String) throws -> SignUpRequest {
        SignUpRequest(username: try Username(name), password: Password(UsersTests.password))
    }

    func reserve(_ name: String, key: CommandID? = nil) async throws -> AccountRow {
        let hash = try PasswordHash(Password(UsersTests.password), costLog2: 4)
        return try #require(try await signUps.reserve(request(name), hash, key: key))
    }

    func account(_ name: String) throws -> AccountRow? {
        try accounts.account(named: Username(name))
    }
}

@Suite("Sign-ups that stop half-way")
struct SignUpTests {
    private func with(_ body: (BareService) async throws -> Void) async throws {
        let service = try BareService()
        defer { service.end() }
        try await body(service)
    }

    @Test("Stopped after any of its steps a sign-up is finished at the next start, under its id")
    func steps() async throws {
        for step in 1...3 {
            try await with { service in
                let row = try await service.reserve("ada")
                var registration: SignUps.Registration?
                if step >= 2 { registration = try await service.signUps.register(row) }
                if step >= 3, let registration {
                    _ = try await service.signUps.activate(row, registration)
                }
                if step < 3 {
                    #expect(try service.account("ada")?.status == .pending)
                    let profiles = try service.accounts.profiles(of: [row.userID])
                    #expect(
                        !String(decoding: profiles[row.userID]!, as: UTF8.self)
                            .contains("\"ada\""))
                }
                try service.reopen()
                let members = try await service.members()
                let account = try #require(try service.account("ada"))
                #expect(account.status == .active, "step \(step)")
                #expect(account.user == row.user)
                #expect(service.ledger.knows(row.userID))
                let id = try CommandID(try #require(row.commandID))
                let entry = try #require(try service.ledger.entry(withID: id))
                #expect(account.position == entry.position)
                #expect(account.memberSince == entry.time)
                if let registration { #expect(registration.position == entry.position) }
                let pair = try await members.signIn("ada", Password(UsersTests.password))
                #expect(pair.user == row.userID)
                // Nothing is left to be settled.
                let settled = try await service.signUps.settle()
                #expect(settled == (0, 0))
            }
        }
    }

    @Test("A pending row that the ledger never took, and no longer will, goes with its name")
    func abandoned() async throws {
        try await with { service in
            let row = try await service.reserve("ada")
            // The ledger is open long enough to forget ids of that time, and a frame says so.
            service.clock.advance(seconds: 7200)
            try await service.ledger.tick()
            for _ in 0..<4 {
                service.clock.advance(seconds: 3600)
                try await service.ledger.tick()
                _ = try await service.ledger.submit(
                    .registerUser("other"), id: .generate(at: service.clock.now()))
            }
            try service.reopen()
            _ = try await service.members()
            #expect(try service.account("ada") == nil)
            #expect(try service.accounts.account(of: row.userID) == nil)
            #expect(!service.ledger.knows(row.userID))
            let again = try await service.signUps.signUp(service.request("ada"), key: nil)
            #expect(again.row.status == .active)
        }
    }

    @Test("A registration whose id is no longer remembered is found in the log")
    func oldRegistration() async throws {
        try await with { service in
            let row = try await service.reserve("ada")
            let registration = try await service.signUps.register(row)
            service.clock.advance(seconds: 7200)
            try service.reopen()
            _ = try await service.members()
            let account = try #require(try service.account("ada"))
            #expect(account.status == .active)
            #expect(account.position == registration.position)
            #expect(account.memberSince == registration.time)
        }
    }

    @Test("An id that another command has used registers nobody, and the name is free again")
    func usedID() async throws {
        try await with { service in
            let key = CommandID.generate(at: service.clock.now())
            let row = try await service.reserve("ada", key: key)
            let id = try CommandID(try #require(row.commandID))
            _ = try await service.ledger.submit(.registerUser("somebody"), id: id)
            try service.reopen()
            _ = try await service.members()
            #expect(try service.account("ada") == nil)
            #expect(!service.ledger.knows(row.userID))
        }
    }

    @Test("While a sign-up is pending its name is taken and nobody can sign in")
    func pending() async throws {
        try await with { service in
            let members = try await service.members()
            let row = try await service.reserve("ada")
            await #expect(throws: Problem.self) {
                try await members.signIn("ada", Password(UsersTests.password))
            }
            let hash = try #require(row.password)
            let other = try await service.signUps.reserve(
                service.request("ADA"), hash, key: nil)
            #expect(other == nil)
            await #expect(throws: Problem.self) {
                try await service.signUps.signUp(service.request("ada"), key: nil)
            }
        }
    }

    @Test("Sign-ups of one name at once: one wins; with one key all are the same")
    func atOnce() async throws {
        try await with { service in
            let signUps = service.signUps
            let request = try service.request("ada")
            let answers = await withTaskGroup(of: String.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        do { return try await signUps.signUp(request, key: nil).row.user } catch {
                            return (error as? Problem)?.kind.code ?? "\(error)"
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count { $0 == "username_taken" } == 5)
            let key = CommandID.generate(at: service.clock.now())
            let other = try service.request("bob")
            let users = await withTaskGroup(of: String.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        do { return try await signUps.signUp(other, key: key).row.user } catch {
                            return (error as? Problem)?.kind.code ?? "\(error)"
                        }
                    }
                }
                return await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(users.count == 1)
            #expect(users.first?.hasPrefix("u") == true)
        }
    }
}
