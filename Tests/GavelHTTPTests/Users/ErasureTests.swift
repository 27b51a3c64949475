// What was erased or replaced stands in no byte of the file.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Testing

@testable import GavelHTTP

@Suite("Erasure", .timeLimit(.minutes(30)))
struct ErasureTests {
    private func holds(_ test: TestService, _ text: String) throws -> Bool {
        let data = try Data(contentsOf: test.folder.appending(path: "accounts/data.mdb"))
        return data.range(of: Data(text.utf8)) != nil
    }

    /// Fills pages, so that what changes moves about.
    private func crowd(_ test: TestService) async throws {
        for other in 0..<25 { try await test.signUp("someone-\(other)") }
    }

    @Test("Every field of a profile, with null and with another value")
    func profile() async throws {
        try await TestService.withAccounts { test in
            try await crowd(test)
            try await test.signUp("ada")
            let token = try await test.token("ada")
            for field in ["display_name", "about", "email"] {
                for (number, next) in ["null", #""a@b""#].enumerated() {
                    // Several, of different lengths.
                    var traces: [String] = []
                    for length in [1, 14, 3] {
                        let trace =
                            "trace@" + String(repeating: "\(number)x\(field)", count: length)
                        traces.append(trace)
                        let changed = try await test.call(
                            "PATCH", "/me", as: token, #"{"\#(field)":"\#(trace.prefix(60))"}"#)
                        #expect(changed.status == 200, "\(changed.text)")
                        #expect(try holds(test, String(trace.prefix(60))))
                    }
                    let erased = try await test.call(
                        "PATCH", "/me", as: token, #"{"\#(field)":\#(next)}"#)
                    #expect(erased.status == 200, "\(erased.text)")
                    for trace in traces {
                        #expect(try !holds(test, String(trace.prefix(22))), "\(field) \(next)")
                    }
                }
            }
        }
    }

    @Test("The hash of a former password, also where it was only made dearer")
    func passwords() async throws {
        try await TestService.withAccounts { test in
            try await crowd(test)
            try await test.signUp("ada")
            let members = test.service.members
            let accounts = test.service.accounts
            func salt() throws -> String {
                let row = try #require(try accounts.account(named: Username("ada")))
                let salt = try #require(row.password?.salt)
                return "[" + salt.map { "\($0)" }.joined(separator: ",") + "]"
            }
            let first = try salt()
            #expect(try holds(test, first))
            let token = try await test.token("ada")
            let changed = try await test.call(
                "POST", "/me/password", as: token,
                #"{"current_password":"\#(UsersTests.password)","new_password":"another password"}"#
            )
            #expect(changed.status == 204)
            #expect(try !holds(test, first))
            let cheap = try PasswordHash(Password("another password"), costLog2: 2)
            let user = try #require(try accounts.account(named: Username("ada"))).userID
            try await accounts.change(user) { row, _ in row.password = cheap }
            await members.eraseUnused()
            let second = try salt()
            #expect(try holds(test, second))
            _ = try await test.signIn("ada", "another password")
            #expect(try !holds(test, second))
        }
    }

    @Test("The words of a lot that its seller takes back")
    func lots() async throws {
        try await TestService.withAccounts { test in
            try await test.submit(.registerCurrency(Currency(code: "USD", scale: 2)))
            try await crowd(test)
            try await test.signUp("ada")
            let token = try await test.token("ada")
            let trace = "Call me at 555-0173. "
            let words = String(repeating: trace, count: 90)
            let opened = try await test.call(
                "POST", "/auctions", as: token,
                #"{"auction":"lot","currency":"USD","category":"c-5550173","#
                    + #""description":"\#(words)"}"#
            )
            #expect(opened.status == 201, "\(opened.text)")
            #expect(try holds(test, trace) && holds(test, "c-5550173"))
            let taken = try await test.call(
                "PATCH", "/auctions/lot", as: token, #"{"description":null,"category":null}"#)
            #expect(taken.status == 200)
            #expect(try !holds(test, trace) && !holds(test, "c-5550173"))
        }
    }

    @Test("A sign-up that the ledger never took")
    func abandoned() async throws {
        let service = try BareService()
        defer { service.end() }
        let key = CommandID.generate(at: service.clock.now())
        let used = CommandIDs(secret: service.ledger.reading.secret).signUpID(of: key)
        _ = try await service.ledger.submit(.registerUser("somebody"), id: used)
        var request = try service.request("nobody-else-has-this-name")
        request.displayName = "Zaphod Unmistakable"
        let signUps = service.signUps
        await #expect(throws: Problem.self) {
            try await signUps.signUp(request, key: key)
        }
        let data = try Data(contentsOf: service.folder.appending(path: "accounts/data.mdb"))
        for trace in ["nobody-else-has", "Zaphod"] {
            #expect(data.range(of: Data(trace.utf8)) == nil, "\(trace)")
        }
    }

    @Test("Where somebody reads for long it is tried again until it is done")
    func again() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let token = try await test.token("ada")
            try await test.call("PATCH", "/me", as: token, #"{"about":"trace-of-ada"}"#)
            let (store, gate) = (test.service.store, DispatchSemaphore(value: 0))
            let (started, starting) = AsyncStream<Void>.makeStream()
            let reading = Task {
                await onThread {
                    _ = try? store.read { _ in
                        starting.yield()
                        gate.wait()
                    }
                }
            }
            var iterator = started.makeAsyncIterator()
            await iterator.next()
            let erased = try await test.call("PATCH", "/me", as: token, #"{"about":null}"#)
            #expect(erased.status == 200)
            gate.signal()
            await reading.value
            while try holds(test, "trace-of-ada") { try await Task.sleep(for: .milliseconds(20)) }
        }
    }
}
