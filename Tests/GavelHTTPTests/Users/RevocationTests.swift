// What takes a right away ends what was begun with it: calls whose bodies come late, streams,
// reads that wait; and nothing races with the closing of an account.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import HTTPTypes
import Hummingbird
import Testing

@testable import GavelHTTP

/// The ways to take a right away from a user.
private enum Taking: String, CaseIterable {
    case password, roles, closing, keys

    func take(from user: UserID, in test: TestService) async throws {
        let members = test.service.members
        switch self {
        case .password:
            try await members.setPassword(
                of: members.account(of: user), to: Password("another password"))
        case .roles: try await members.setRoles(of: user, to: .auditor)
        case .closing: try await members.close(members.account(of: user))
        case .keys: try await members.rotateKeys(dropsFormer: true)
        }
    }
}

@Suite("Revocation", .timeLimit(.minutes(30)))
struct RevocationTests {
    private func user(_ name: String, in test: TestService) throws -> UserID {
        try #require(try test.service.accounts.account(named: Username(name))).userID
    }

    @Test("A call whose head came before, and whose body comes after, is refused on every route")
    func lateBodies() async throws {
        let routes = AuctionService.routes.map(\.operation).filter {
            $0.body != nil && !$0.ignoresToken
        }
        #expect(routes.count > 10)
        for taking in Taking.allCases {
            let limiting: (inout ServiceOptions) -> Void = {
                // By this one sees when all heads have been looked at.
                $0.callsPerSecondByUser = 0.000_001
                $0.callsBurst = Double(routes.count)
            }
            try await TestService.withAccounts(limiting) { test in
                try await test.signUp("ada")
                let user = try user("ada", in: test)
                try await test.service.members.setRoles(
                    of: user, to: [.operator, .auditor, .payment])
                let token = try await test.token("ada")
                var connections: [TestConnection] = []
                for route in routes {
                    let path = route.path.replacing(/\{[a-z0-9_]+\}/, with: "x")
                    let connection = try test.connect()
                    let head =
                        "\(route.method.rawValue) \(path) HTTP/1.1\r\nhost: x\r\n"
                        + "authorization: Bearer \(token)\r\ncontent-type: application/json\r\n"
                        + "idempotency-key: \(CommandID.generate())\r\ncontent-length: 2\r\n\r\n{"
                    try await connection.send(Array(head.utf8))
                    connections.append(connection)
                }
                while test.service.limits.users.secondsUntilFree(user) == nil {
                    try await Task.sleep(for: .milliseconds(5))
                }
                let before = test.ledger.reflects
                try await taking.take(from: user, in: test)
                for (route, connection) in zip(routes, connections) {
                    try await connection.send(Array("}".utf8))
                    let answer = try await connection.answer()
                    #expect(answer.code == "token_invalid", "\(taking) \(route.id): \(answer.text)")
                }
                #expect(test.ledger.reflects == before)
            }
        }
    }

    @Test("Streams of whoever is signed in end, those of others go on")
    func streams() async throws {
        for taking in Taking.allCases {
            try await TestService.withAccounts { test in
                for name in ["ada", "bob"] { try await test.signUp(name) }
                let (ada, bob) = (try user("ada", in: test), try user("bob", in: test))
                try await test.submit(.registerCurrency(Currency(code: "USD", scale: 2)))
                try await test.submit(
                    .openAuction(OpenAuction(auction: "lot", seller: bob, currency: "USD")))
                let token = try await test.token("ada")
                var ending: [TestConnection] = []
                for path in ["/wallet/live", "/auctions/lot/live", "/live"] {
                    ending.append(try await follow(path, as: token, in: test))
                }
                let lasting = try await follow("/auctions/lot/live", as: nil, in: test)
                let others =
                    taking == .keys
                    ? nil : try await follow("/wallet/live", as: test.token("bob"), in: test)
                try await taking.take(from: ada, in: test)
                for connection in ending {
                    // A heartbeat may come first.
                    var last: [String] = []
                    while let lines = try? await connection.event() { last = lines }
                    #expect(last == [": the access token has been revoked"])
                }
                let left = taking == .keys ? 1 : 2
                while test.service.live.listenerCount != left {
                    try await Task.sleep(for: .milliseconds(2))
                }
                try await test.submit(
                    .charge(user: bob, currency: "USD", amount: 5, reference: "r"))
                if let others { _ = try await others.event() }
                try await test.submit(.cancelAuction("lot"))
                let state = try await lasting.event()
                #expect(state.contains { $0.contains("cancelled") })
            }
        }
    }

    /// Begins a stream and takes its first event.
    private func follow(
        _ path: String, as token: String?, in test: TestService
    ) async throws -> TestConnection {
        let connection = try test.connect()
        #expect(try await connection.follow(path, as: token).status == 200)
        _ = try await connection.event()
        return connection
    }

    @Test("Reads that wait for a position, or for their turn, are refused then")
    func parked() async throws {
        try await TestService.withAccounts {
            $0.positionWait = .seconds(60)
            $0.callsPerSecondByUser = 0.000_001
            $0.callsBurst = 2
        } _: { test in
            try await test.signUp("ada")
            let ada = try user("ada", in: test)
            let token = try await test.token("ada")
            let reads = test.service.slowReads
            let held = try await HeldWorkers(reads, threads: 2)
            let ahead = Task {
                try await test.call(
                    "GET", "/wallet", as: token, headers: [("gavel-min-position", "1000000")])
            }
            let slow = Task { try await test.call("GET", "/wallet/statement?at=0", as: token) }
            while reads.waitingCount == 0
                || test.service.limits.users.secondsUntilFree(ada) == nil
            { try await Task.sleep(for: .milliseconds(2)) }
            try await Taking.password.take(from: ada, in: test)
            #expect(try await ahead.value.code == "token_invalid")
            try await held.end()
            #expect(try await slow.value.code == "token_invalid")
        }
    }

    @Test("What was read before is not answered any more then")
    func readBefore() async throws {
        for taking in Taking.allCases {
            let (started, starting) = AsyncStream<Void>.makeStream()
            let (ending, end) = AsyncStream<Void>.makeStream()
            let long = Route(
                operation: Operation(
                    method: .get, path: "/long", id: "readLong", tag: .operation,
                    summary: "Reads for long", answer: .init(schema: .object([])))
            ) { _ in
                starting.yield()
                for await _ in ending { break }
                return Response(reflecting: 0) { $0.object { _ in } }
            }
            try await TestService.with(
                routes: [long] + AuctionService.routes, authenticator: nil
            ) { test in
                try await test.signUp("ada")
                let token = try await test.token("ada")
                let read = Task { try await test.call("GET", "/long", as: token) }
                for await _ in started { break }
                try await taking.take(from: user("ada", in: test), in: test)
                end.yield()
                #expect(try await read.value.code == "token_invalid", "\(taking)")
            }
        }
    }

    @Test("A token that was verified before is void after a change, whichever takes its right away")
    func remembered() async throws {
        for taking in Taking.allCases {
            try await TestService.withAccounts { test in
                for name in ["ada", "bob"] { try await test.signUp(name) }
                let (token, other) = (try await test.token("ada"), try await test.token("bob"))
                for one in [token, other] {
                    #expect(try await test.call("GET", "/me", as: one).status == 200)
                }
                try await taking.take(from: user("ada", in: test), in: test)
                let answer = try await test.call("GET", "/me", as: token)
                // Other roles are those of the next call.
                #expect(answer.code == (taking == .roles ? nil : "token_invalid"), "\(taking)")
                let roles = answer.json["roles"] as? [String]
                #expect(roles == (taking == .roles ? ["auditor"] : nil))
                let others = try await test.call("GET", "/me", as: other)
                #expect(others.code == (taking == .keys ? "token_invalid" : nil), "\(taking)")
            }
        }
    }

    @Test("No generation comes twice in a user's life, nor in that of who has the id afterwards")
    func generations() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let ada = try user("ada", in: test)
            let members = test.service.members
            var seen: Set<Int> = []
            for round in 0..<5 {
                let token = try await test.token("ada")
                #expect(try await test.call("GET", "/me", as: token).status == 200)
                let row = try members.account(of: ada)
                #expect(seen.insert(row.generation).inserted)
                if round % 2 == 0 {
                    try await members.setPassword(
                        of: row, to: Password(UsersTests.password))
                } else {
                    // Closed, and an account of the same user made anew.
                    try await members.close(row)
                    let successor = AccountRow(
                        user: ada.string, status: .active, username: "ada",
                        password: row.password)
                    try await test.service.store.write { transaction in
                        try test.service.accounts.put(successor, transaction)
                    }
                }
                #expect(try await test.call("GET", "/me", as: token).code == "token_invalid")
            }
            #expect(seen.count == 5)
        }
    }

    @Test("A password confirmed before another change of it changes nothing any more")
    func stale() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let members = test.service.members
            let row = try members.account(of: user("ada", in: test))
            try await members.setPassword(of: row, to: Password("the owner's choice"))
            await #expect(throws: Problem.self) {
                try await members.setPassword(of: row, to: Password("the thief's choice"))
            }
            await #expect(throws: Problem.self) { try await members.close(row) }
            _ = try await test.signIn("ada", "the owner's choice")
        }
    }

    @Test("Openings and charges that race with their account's closing come before it or never")
    func race() async throws {
        try await TestService.withAccounts { test in
            try await test.submit(.registerCurrency(Currency(code: "USD", scale: 2)))
            try await test.signUp("staff")
            try await test.service.members.setRoles(of: user("staff", in: test), to: .operator)
            let staff = try await test.token("staff")
            var outcomes: Set<Int> = []
            for round in 0..<20 {
                let name = "seller-\(round)"
                try await test.signUp(name)
                let user = try user(name, in: test)
                let token = try await test.token(name)
                let closing = Task {
                    try await test.call(
                        "POST", "/me/close", as: token,
                        #"{"password":"\#(UsersTests.password)"}"#)
                }
                let openings = (0..<4).map { number in
                    Task {
                        // Later ones more likely behind the look at the lots.
                        try await Task.sleep(for: .microseconds(number * 1500))
                        return try await test.call(
                            "POST", "/auctions", as: number == 3 ? staff : token,
                            #"{"currency":"USD"\#(number == 3 ? #","seller":"\#(user)""# : "")}"#)
                    }
                }
                let charging = Task {
                    try await test.call(
                        "POST", "/wallets/\(user)/charge", as: staff,
                        #"{"currency":"USD","amount":5,"reference":"race"}"#)
                }
                let closed = try await closing.value.status
                outcomes.insert(closed)
                var opened = 0
                for opening in openings {
                    let answer = try await opening.value
                    if answer.status == 201 { opened += 1 }
                    let isLate = answer.code == "account_closed" && closed == 204
                    #expect([201, 401, 503].contains(answer.status) || isLate, "\(answer.text)")
                }
                let charged = try await charging.value
                if closed == 204 {
                    #expect(["account_closed", "busy"].contains(charged.code), "\(charged.text)")
                    #expect(try test.ledger.wallet(user).value.balances.isEmpty)
                }
                let open = try test.ledger.auctions(AuctionFilter(seller: user)).items.count
                #expect(open == opened)
                let row = try #require(try test.service.accounts.account(of: user))
                #expect((row.status == .closed) == (closed == 204))
                if closed == 204 { #expect(open == 0, "round \(round)") }
            }
            #expect(outcomes.isSubset(of: [204, 409]))
        }
    }

    @Test("Nothing is done for an account that is closed but to answer a call again")
    func closed() async throws {
        try await TestService.withAccounts { test in
            try await test.submit(.registerCurrency(Currency(code: "USD", scale: 2)))
            for name in ["ada", "staff"] { try await test.signUp(name) }
            let (ada, token) = (try user("ada", in: test), try await test.token("ada"))
            try await test.service.members.setRoles(
                of: user("staff", in: test), to: [.operator, .payment])
            let staff = try await test.token("staff")
            let key = CommandID.generate()
            let charge = #"{"currency":"USD","amount":500,"reference":"psp-1"}"#
            let path = "/wallets/\(ada)/charge"
            let charged = try await test.call("POST", path, as: staff, key: key, charge)
            #expect(charged.status == 201)
            let out = try await test.call(
                "POST", "/wallet/withdraw", as: token,
                #"{"currency":"USD","amount":500,"reference":"out"}"#)
            #expect(out.status == 201)
            try await Taking.closing.take(from: ada, in: test)
            let count = test.ledger.reflects
            for (path, body) in [
                (path, #"{"currency":"USD","amount":5,"reference":"psp-2"}"#),
                ("/wallets/\(ada)/withdraw", #"{"currency":"USD","amount":5,"reference":"psp-3"}"#),
                ("/auctions", #"{"currency":"USD","seller":"\#(ada)"}"#),
            ] {
                let answer = try await test.call("POST", path, as: staff, body)
                #expect(answer.status == 409 && answer.code == "account_closed", "\(answer.text)")
                #expect(answer.json["position"] == nil)
            }
            #expect(test.ledger.reflects == count)
            // The answer got lost, and the provider asks again.
            let again = try await test.call("POST", path, as: staff, key: key, charge)
            #expect(again.status == 201 && again.position == charged.position)
            // Whoever has the user's account next can be charged.
            let successor = AccountRow(user: ada.string, status: .active, username: "eve")
            try await test.service.store.write { transaction in
                try test.service.accounts.put(successor, transaction)
            }
            let next = try await test.call(
                "POST", path, as: staff, #"{"currency":"USD","amount":5,"reference":"psp-4"}"#)
            #expect(next.status == 201)
        }
    }

    @Test("The gate waits for acts, bars those that come meanwhile, and keeps nothing of either")
    func gate() async throws {
        let gate = CallerGate()
        let caller = Caller(user: "ada", mark: gate.mark)
        let (started, starting) = AsyncStream<Void>.makeStream()
        let (ended, ending) = AsyncStream<Void>.makeStream()
        let order = Notes()
        let act = Task {
            try await gate.act(as: caller) {
                starting.yield()
                var iterator = ended.makeAsyncIterator()
                await iterator.next()
                order.add("act")
            }
        }
        var iterator = started.makeAsyncIterator()
        await iterator.next()
        let closing = Task {
            try await gate.close("ada") { order.add("closing") }
        }
        @Sendable func code() async -> String {
            do {
                try await gate.act(as: caller) {}
                return "done"
            } catch { return (error as? Problem)?.kind.code ?? "\(error)" }
        }
        while await code() == "done" {}
        #expect(await code() == "busy")
        // Somebody else's acts go on, but not for the one who is being closed.
        let bob = Caller(user: "bob", mark: gate.mark)
        try await gate.act(as: bob) {}
        await #expect(throws: Problem.self) { try await gate.act(as: bob, for: "ada") {} }
        ending.yield()
        try await act.value
        try await closing.value
        #expect(order.all == ["act", "closing"])
        #expect(await code() == "token_invalid")
        // A closing that cannot be takes nothing away.
        struct Cannot: Error {}
        await #expect(throws: Cannot.self) { try await gate.close("bob") { throw Cannot() } }
        try await gate.act(as: bob) {}
        for number in 0..<3000 { await gate.revoke(UserID(unchecked: "u\(number)")) }
        try gate.check(Caller(user: "u7", mark: gate.mark))
        #expect(!gate.isCurrent(Caller(user: "u2999", mark: gate.mark - 1)))
    }
}
