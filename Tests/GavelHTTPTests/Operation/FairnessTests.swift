// Limits hit whoever causes the cost, and nobody else.

import AuctionDomain
import Foundation
import Gavel
import Testing

@testable import GavelHTTP

@Suite("Fair shares", .timeLimit(.minutes(30)))
struct FairnessTests {
    // MARK: Work that takes long

    @Test("Whoever asks for much waits behind herself: queues are served in turn")
    func turns() async throws {
        let workers = FairWorkers(name: "test", threads: 1, waitingMax: 100)
        let order = Notes()
        let held = try await HeldWorkers(workers, threads: 1)
        var tasks: [Task<Void, any Error>] = []
        let wanted =
            Array(repeating: "greedy", count: 40) + ["modest", "other", "modest"]
        for (number, name) in wanted.enumerated() {
            tasks.append(
                Task {
                    try await workers.run(for: .user(UserID(unchecked: name))) {
                        order.add(name)
                    }
                })
            while workers.waitingCount <= number { await Task.yield() }
        }
        try await held.end()
        for task in tasks { try await task.value }
        let served = order.all
        #expect(
            Array(served.prefix(6))
                == ["greedy", "modest", "other", "greedy", "modest", "greedy"])
        #expect(served.count == 43)
    }

    @Test("When all places are taken the one who has most makes room, down to equal shares")
    func room() async throws {
        let workers = FairWorkers(name: "test", threads: 1, waitingMax: 8)
        let held = try await HeldWorkers(workers, threads: 1)
        let (answers, answered) = AsyncStream<String>.makeStream()
        func ask(_ name: String, _ count: Int) {
            for _ in 0..<count {
                Task {
                    do {
                        try await workers.run(for: .address(PeerAddress(name)!)) {}
                        answered.yield("\(name) done")
                    } catch { answered.yield("\(name) \((error as? Problem)?.kind.code ?? "")") }
                }
            }
        }
        var told: [String: Int] = [:]
        var answering = answers.makeAsyncIterator()
        func hear(_ count: Int) async {
            for _ in 0..<count { told[await answering.next() ?? "", default: 0] += 1 }
        }
        ask("10.0.0.1", 40)
        await hear(32)
        #expect(told == ["10.0.0.1 busy": 32])
        ask("10.0.0.2", 6)
        // Four of them push out four; the others would have more than their share.
        await hear(6)
        #expect(told == ["10.0.0.1 busy": 36, "10.0.0.2 busy": 2])
        ask("10.0.0.3", 1)
        await hear(1)
        #expect(workers.waitingCount == 8)
        try await held.end()
        await hear(8)
        #expect(told["10.0.0.3 done"] == 1)
        #expect(told["10.0.0.3 busy"] == nil)
        #expect(workers.waitingCount == 0 && workers.refusedCount == 39)
        try await workers.run(for: .house) {}
    }

    // MARK: Passwords

    private func signIn(
        _ test: TestService, _ name: String, _ password: String = "not this one",
        from address: String
    ) async throws -> TestAnswer {
        try await test.call(
            "POST", "/tokens", headers: [("x-forwarded-for", address)],
            #"{"username":"\#(name)","password":"\#(password)"}"#)
    }

    @Test("Strangers' wrong passwords lock no owner out: not at her address, not when signed in")
    func strangers() async throws {
        try await TestService.withAccounts {
            $0.trustsForwardedFor = true
            $0.signInsPerHourByUser = 3
            $0.signInsPerHourByName = 6
        } _: { test in
            try await test.signUp("ada")
            let home = "192.0.2.1"
            let first = try await signIn(test, "ada", UsersTests.password, from: home)
            #expect(first.status == 200)
            let token = try #require(first.json["access_token"] as? String)
            let refresh = try #require(first.json["refresh_token"] as? String)
            // One address has so many tries for a name, whether there is such a user.
            for name in ["ada", "bob"] {
                for stranger in 1...2 {
                    for _ in 0..<3 {
                        let answer = try await signIn(test, name, from: "10.0.0.\(stranger)")
                        #expect(answer.code == "credentials_wrong")
                    }
                }
                let limited = try await signIn(test, name, from: "10.0.0.1")
                #expect(limited.status == 429 && limited.code == "rate_limited")
                #expect(Int(limited.headers["retry-after"] ?? "") ?? 0 > 60)
                // And all unknown ones together so many.
                let other = try await signIn(test, name, from: "10.0.0.9")
                #expect(other.status == 429, "\(name)")
            }
            // Another name from the same addresses is nobody's victim either.
            #expect(try await signIn(test, "eve", from: "10.0.0.9").code == "credentials_wrong")
            let own = try await signIn(test, "ada", UsersTests.password, from: home)
            #expect(own.status == 200, "\(own.text)")
            let pair = try await test.call(
                "POST", "/tokens/refresh", headers: [("x-forwarded-for", "198.51.100.7")],
                #"{"refresh_token":"\#(refresh)"}"#)
            #expect(pair.status == 200)
            // Whoever has a refresh token is known where it was used.
            let moved = try await signIn(test, "ada", UsersTests.password, from: "198.51.100.7")
            #expect(moved.status == 200)
            let changed = try await test.call(
                "POST", "/me/password", as: token,
                #"{"current_password":"\#(UsersTests.password)","new_password":"another password"}"#
            )
            #expect(changed.status == 204, "\(changed.text)")
            // All sessions have ended; she is known all the same.
            #expect(try await signIn(test, "ada", "another password", from: home).status == 200)
            #expect(try await signIn(test, "ada", from: "10.0.0.9").status == 429)
        }
    }

    @Test("One address has so many tries for a name, whatever is left to all of them together")
    func guesser() async throws {
        try await TestService.withAccounts {
            $0.trustsForwardedFor = true
            $0.signInsPerHourByUser = 3
            $0.signInsPerHourByName = 100
        } _: { test in
            try await test.signUp("ada")
            for address in ["10.0.0.1", "10.0.0.2"] {
                for _ in 0..<3 {
                    let answer = try await signIn(test, "ada", from: address)
                    #expect(answer.code == "credentials_wrong")
                }
                #expect(try await signIn(test, "ada", from: address).status == 429)
                #expect(try await signIn(test, "eve", from: address).code == "credentials_wrong")
            }
        }
    }

    @Test("Right passwords are not counted; a signed-in user's wrong ones are, by the user")
    func own() async throws {
        try await TestService.withAccounts {
            $0.signInsPerHourByUser = 3
            $0.signInsPerHourByName = 3
        } _: { test in
            for name in ["ada", "bob"] { try await test.signUp(name) }
            for _ in 0..<8 { _ = try await test.signIn("ada") }
            let (ada, bob) = (try await test.token("ada"), try await test.token("bob"))
            func change(_ token: String, _ current: String) async throws -> TestAnswer {
                try await test.call(
                    "POST", "/me/password", as: token,
                    #"{"current_password":"\#(current)","new_password":"another password"}"#)
            }
            for _ in 0..<3 {
                #expect(try await change(ada, "not this one").code == "credentials_wrong")
            }
            let limited = try await change(ada, UsersTests.password)
            #expect(limited.status == 429 && limited.headers["retry-after"] != nil)
            let close = try await test.call(
                "POST", "/me/close", as: ada, #"{"password":"not this one"}"#)
            #expect(close.status == 429)
            #expect(try await change(bob, UsersTests.password).status == 204)
        }
    }

    @Test("A try that was answered busy compared nothing, and is not counted")
    func busy() async throws {
        try await TestService.withAccounts {
            $0.signInsPerHourByUser = 1
        } _: { test in
            try await test.signUp("ada")
            let token = try await test.token("ada")
            let held = try await HeldWorkers(
                test.service.members.passwords.workers,
                threads: ProcessInfo.processInfo.activeProcessorCount, waiting: 64)
            for _ in 0..<2 {
                let answer = try await test.call(
                    "POST", "/tokens", #"{"username":"ada","password":"\#(UsersTests.password)"}"#)
                #expect(answer.status == 503 && answer.code == "busy")
                let change = try await test.call(
                    "POST", "/me/close", as: token, #"{"password":"\#(UsersTests.password)"}"#)
                #expect(change.status == 503 && change.code == "busy")
            }
            try await held.end()
            _ = try await test.signIn("ada")
            let closed = try await test.call(
                "POST", "/me/close", as: token, #"{"password":"\#(UsersTests.password)"}"#)
            #expect(closed.status == 204)
        }
    }

    // MARK: Commands that cost nothing

    @Test("Openings, closes, least raises and withdrawals of a user are limited; no others' are")
    func commands() async throws {
        try await TestService.withOperations {
            $0.openingsPerMinute = 2
            $0.raisesPerMinute = 2
            $0.withdrawalsPerMinute = 2
        } _: { test, operations in
            try await test.furnish(["alice", "bob", "carol", "operator", "payment"])
            func open(
                _ name: String, as who: String, _ more: String = ""
            ) async throws -> TestAnswer {
                try await test.call(
                    "POST", "/auctions", as: who,
                    #"{"auction":"\#(name)","currency":"USD"\#(more)}"#)
            }
            func bid(
                _ who: String, _ amount: Int, key: CommandID? = nil
            ) async throws -> TestAnswer {
                try await test.call(
                    "POST", "/auctions/lot-1/bid", as: who, key: key, #"{"amount":\#(amount)}"#)
            }
            func expectLimited(_ answer: TestAnswer) {
                #expect(answer.status == 429 && answer.code == "too_many_commands")
                #expect(answer.json["number"] as? Int == 1055)
                #expect((1...30).contains(Int(answer.headers["retry-after"] ?? "") ?? 0))
            }
            #expect(try await open("lot-1", as: "bob", #","rules":{"proxy":true}"#).status == 201)
            // Nothing new is written by these, and nothing is counted.
            #expect(try await open("lot-1", as: "bob").code == "auction_already_opened")
            #expect(try await open("lot 1", as: "bob").status == 400)
            #expect(try await open("lot-2", as: "bob").status == 201)
            expectLimited(try await open("lot-3", as: "bob"))
            #expect(try await open("lot-3", as: "carol").status == 201)
            for number in 4..<9 {
                let answer = try await open("lot-\(number)", as: "operator", #","seller":"bob""#)
                #expect(answer.status == 201)
            }

            // Bids that cost something are not counted.
            for amount in [50, 100, 150, 200] {
                let who = amount % 100 == 0 ? "alice" : "carol"
                #expect(try await bid(who, amount).status == 201)
            }
            let key = CommandID.generate()
            #expect(try await bid("alice", 201, key: key).status == 201)
            let again = try await bid("alice", 201, key: key)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(try await bid("alice", 202).status == 201)
            expectLimited(try await bid("alice", 203))
            // The least there can be: it is absorbed by alice's maximum.
            func least() throws -> Int {
                Int(try #require(try test.ledger.listing("lot-1").value.minimumBid).minorUnits)
            }
            for _ in 0..<2 { #expect(try await bid("carol", least()).status == 201) }
            expectLimited(try await bid("carol", least()))
            #expect(try await bid("carol", 500).status == 201)

            func withdraw(
                _ who: String, _ reference: Int, _ path: String
            ) async throws -> TestAnswer {
                try await test.call(
                    "POST", path, as: who,
                    #"{"currency":"USD","amount":1,"reference":"w\#(reference)"}"#)
            }
            for number in 0..<2 {
                #expect(try await withdraw("bob", number, "/wallet/withdraw").status == 201)
            }
            expectLimited(try await withdraw("bob", 2, "/wallet/withdraw"))
            #expect(try await withdraw("payment", 3, "/wallets/bob/withdraw").status == 201)
            #expect(try await withdraw("carol", 4, "/wallet/withdraw").status == 201)

            // Whoever asks for the outcome of a closed auction has it confirmed by an entry.
            let closed = try await test.call(
                "POST", "/auctions/lot-1/close", as: "operator", #"{"hammer":true}"#)
            #expect(closed.status == 200)
            for number in 0..<3 {
                let answer = try await test.call("POST", "/auctions/lot-1/close", as: "carol")
                if number < 2 { #expect(answer.status == 200) } else { expectLimited(answer) }
            }

            let page = try MetricPage(try await operations.call("GET", "/metrics").text)
            for limit in ["openings", "raises", "withdrawals"] {
                let count = page.samples.first {
                    $0.name == "gavel_limited_total" && $0.labels["limit"] == limit
                }
                #expect(count?.value == (limit == "withdrawals" ? 1 : 2), "\(limit)")
            }
        }
    }

    @Test("Accounts made from an address are limited; a repeated sign-up is none")
    func signUps() async throws {
        try await TestService.withAccounts {
            $0.signUpsPerHourByAddress = 2
            $0.trustsForwardedFor = true
        } _: { test in
            func signUp(
                _ name: String, key: CommandID = .generate(), from address: String = "10.0.0.1"
            ) async throws -> TestAnswer {
                try await test.call(
                    "POST", "/users", key: key, headers: [("x-forwarded-for", address)],
                    #"{"username":"\#(name)","password":"\#(UsersTests.password)"}"#)
            }
            let key = CommandID.generate()
            for _ in 0..<4 { #expect(try await signUp("ada", key: key).status == 201) }
            #expect(try await signUp("ada").code == "username_taken")
            #expect(try await signUp("bob").status == 201)
            let limited = try await signUp("eve")
            #expect(limited.status == 429 && limited.code == "too_many_commands")
            #expect(Int(limited.headers["retry-after"] ?? "") ?? 0 > 60)
            #expect(try await signUp("eve", from: "10.0.0.2").status == 201)
        }
    }

    // MARK: Connections

    @Test("An address has so many connections; another one is told so and ended")
    func connections() async throws {
        try await TestService.with {
            $0.connectionsByAddress = 2
        } _: { test in
            var first: TestConnection? = try test.connect()
            let second = try test.connect()
            for connection in [first, second] {
                #expect(try await connection?.call("GET", "/").status == 200)
            }
            let third = try test.connect()
            let answer = try await third.answer()
            #expect(answer.status == 429 && answer.headers["retry-after"] == "1")
            let isClosed = try await third.isClosed()
            #expect(isClosed)
            #expect(test.service.connectionShares.refusedCount == 1)
            first = nil
            // Its end is seen in a moment.
            var status = 0
            while status != 200 {
                let next = try test.connect()
                status = (try? await next.call("GET", "/").status) ?? 0
            }
        }
    }

    @Test("Behind a trusted proxy calls under way are counted by the address that it names")
    func proxied() async throws {
        let limiting: (inout ServiceOptions) -> Void = {
            $0.connectionsByAddress = 1
            $0.trustsForwardedFor = true
        }
        try await TestService.with(limiting, routes: [Route.echo] + AuctionService.routes) { test in
            let slow = try test.connect()
            let head =
                "POST /echo/x HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 10.0.0.1\r\n"
                + "content-type: application/json\r\ncontent-length: 12\r\n\r\n"
            try await slow.send(Array(head.utf8))
            func status(_ address: String) async throws -> Int {
                try await test.call("GET", "/", headers: [("x-forwarded-for", address)]).status
            }
            while try await status("10.0.0.1") != 429 {}
            #expect(try await status("10.0.0.2") == 200)
            try await slow.send(Array("{\"amount\":1}".utf8))
            #expect(try await slow.answer().status == 200)
            while try await status("10.0.0.1") != 200 {}
        }
    }
}
