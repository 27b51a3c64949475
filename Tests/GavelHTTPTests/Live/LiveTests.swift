// Streams of events: what they send, when they go on, when they end, and that nobody stays behind.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Logging
import ServiceLifecycle
import Testing

@testable import GavelHTTP

/// One event as a client reads it.
private struct ReadEvent {
    var id: UInt64?
    var name = ""
    var data: [String: Any] = [:]
    var text = ""

    init(_ lines: [String]) {
        for line in lines {
            if line.hasPrefix("id: ") { id = UInt64(line.dropFirst(4)) }
            if line.hasPrefix("event: ") { name = String(line.dropFirst(7)) }
            guard line.hasPrefix("data: ") else { continue }
            text = String(line.dropFirst(6))
            let value = try? JSONSerialization.jsonObject(with: Data(text.utf8))
            data = value as? [String: Any] ?? [:]
        }
    }

    var auctions: [String] {
        (data["auctions"] as? [[String: Any]] ?? []).compactMap { $0["auction"] as? String }
    }
}

extension TestConnection {
    fileprivate func next() async throws -> ReadEvent { ReadEvent(try await event()) }
}

extension TestService {
    /// A lot with every secret that a lot can have.
    fileprivate func open(_ auction: AuctionID, opensAt: Timestamp? = nil) async throws {
        try await submit(
            .openAuction(
                OpenAuction(
                    auction: auction, seller: "carol", currency: "USD", opensAt: opensAt,
                    rules: AuctionRules(proxy: true, reservePrice: 77_777))))
    }

    fileprivate func bid(_ bidder: UserID, _ amount: Int64, on auction: AuctionID) async throws {
        try await submit(
            .placeBid(auction: auction, bidder: bidder, amount: Money(minorUnits: amount)))
    }

    /// Waits until so many listen.
    fileprivate func listeners(_ count: Int) async throws {
        while service.live.listenerCount != count { try await Task.sleep(for: .milliseconds(2)) }
    }
}

@Suite("Live streams", .timeLimit(.minutes(30)))
struct LiveTests {
    private let users: [UserID] = ["alice", "bob", "carol"]

    @Test("An auction's stream sends its public state at once, each change, and ends with it")
    func auction() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            let connection = try test.connect()
            let head = try await connection.follow("/auctions/lot-1/live")
            #expect(head.status == 200)
            #expect(head.headers["content-type"] == "text/event-stream")
            #expect(head.headers["cache-control"] == "no-store")
            #expect(head.headers["x-accel-buffering"] == "no")
            let first = try await connection.next()
            #expect(first.name == "auction")
            #expect(first.id == test.ledger.reflects)
            #expect(first.data["status"] as? String == "open")
            #expect(first.data["leader"] is NSNull)
            try await test.bid("alice", 55_555, on: "lot-1")
            let second = try await connection.next()
            #expect(second.data["leader"] as? String == "alice")
            #expect(second.data["price"] as? Int == 1)
            #expect(second.data["reserve_met"] as? Bool == false)
            #expect(try #require(second.id) > #require(first.id))
            for secret in ["55555", "77777"] { #expect(!second.text.contains(secret)) }
            try await test.submit(.closeAuction("lot-1", hammer: true))
            let last = try await connection.next()
            #expect(last.data["outcome"] as? String == "reserve_not_met")
            await #expect(throws: ConnectionError.self) { try await connection.event() }
            try await test.listeners(0)
            // Whoever comes later is told how it ended.
            let later = try test.connect()
            _ = try await later.follow("/auctions/lot-1/live")
            #expect(try await later.next().data["status"] as? String == "closed")
            await #expect(throws: ConnectionError.self) { try await later.event() }
        }
    }

    @Test("Who connects again is sent the state only where something has touched it since")
    func resuming() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            let before = test.ledger.reflects
            try await test.bid("alice", 500, on: "lot-1")
            let old = try test.connect()
            _ = try await old.follow("/auctions/lot-1/live", after: before)
            #expect(try await old.next().data["leader"] as? String == "alice")
            let fresh = try test.connect()
            _ = try await fresh.follow("/auctions/lot-1/live?after=0", after: test.ledger.reflects)
            try await test.bid("bob", 900, on: "lot-1")
            #expect(try await fresh.next().data["leader"] as? String == "bob")
            // A position of some other log says nothing about this one.
            let strange = try test.connect()
            _ = try await strange.follow("/auctions/lot-1/live?after=123456789")
            #expect(try await strange.next().data["leader"] as? String == "bob")
        }
    }

    @Test("A rejected bid wakes no stream, moves no id and is not counted")
    func rejectedBids() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            let opened = test.ledger.reflects
            let connections = [try test.connect(), try test.connect()]
            _ = try await connections[0].follow("/auctions/lot-1/live")
            _ = try await connections[1].follow("/live")
            for connection in connections { _ = try await connection.next() }
            for _ in 0..<3 {
                // The seller's own.
                let receipt = try await test.ledger.submit(
                    .placeBid(auction: "lot-1", bidder: "carol", amount: 5), id: .generate())
                #expect(receipt.status == .rejected)
            }
            let rejected = test.ledger.reflects
            while test.service.live.feedPosition < rejected {
                try await Task.sleep(for: .milliseconds(2))
            }
            // Who comes now is told what there was to tell before, under the same id.
            let late = try test.connect()
            _ = try await late.follow("/auctions/lot-1/live")
            let state = try await late.next()
            #expect(state.id == opened && state.data["bids"] as? Int == 0)
            let again = try test.connect()
            _ = try await again.follow("/live", after: opened)
            try await test.bid("alice", 100, on: "lot-1")
            // The next thing that anybody hears of is the bid.
            for connection in connections + [late, again] {
                let event = try await connection.next()
                #expect(event.id == rejected + 1)
                #expect(event.text.contains("\"bids\":1"))
            }
        }
    }

    @Test("The feed begins under the id of the last change, whatever hidden entries came since")
    func hiddenEntries() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            // No auction has ever changed.
            let empty = try test.connect()
            _ = try await empty.follow("/live")
            #expect(try await empty.next().id == 0)
            try await test.open("lot-1")
            let opened = test.ledger.reflects
            #expect(try await empty.next().id == opened)
            var connections: [TestConnection] = []
            for number in 0..<3 {
                if number == 2 {
                    connections.removeAll()
                    try await test.listeners(1)
                }
                let connection = try test.connect()
                _ = try await connection.follow("/live")
                #expect(try await connection.next().id == opened, "\(number)")
                connections.append(connection)
                // The seller's own, which is rejected; at last only one has listened on.
                let receipt = try await test.ledger.submit(
                    .placeBid(auction: "lot-1", bidder: "carol", amount: 5), id: .generate())
                #expect(receipt.status == .rejected)
                while test.service.live.feedPosition < test.ledger.reflects {
                    try await Task.sleep(for: .milliseconds(2))
                }
            }
            // Who comes back with it is told what changed after it, and nothing twice.
            let back = try test.connect()
            _ = try await back.follow("/live", after: opened)
            try await test.bid("alice", 100, on: "lot-1")
            for connection in connections + [back] {
                let event = try await connection.next()
                #expect(event.id == test.ledger.reflects && event.auctions == ["lot-1"])
            }
        }
    }

    @Test("However many hidden entries lie between, who comes back is told that nothing changed")
    func manyHiddenEntries() async throws {
        try await TestService.with { test in
            try await test.furnish(users, amount: 0)
            try await test.open("lot-1")
            let opened = test.ledger.reflects
            let more = Int(LiveHub.feedResumeEntriesMax) + 100
            _ = try await test.ledger.submit(
                (0..<more).map { number in
                    Submission(
                        id: .generate(), actor: .operator,
                        command: .registerUser(UserID(unchecked: "u\(number)")))
                })
            let back = try test.connect()
            _ = try await back.follow("/live", after: opened)
            try await test.open("lot-2")
            let event = try await back.next()
            #expect(event.name == "feed" && event.auctions == ["lot-2"])
        }
    }

    @Test("Going on from a position does not tell the time of the entry before it")
    func hiddenTimes() async throws {
        let now = Int64(Date().timeIntervalSince1970)
        let clock = ManualClock(at: Timestamp(seconds: now))
        var configuration = Configuration()
        configuration.clock = clock
        try await TestService.with(configuration: configuration) { test in
            try await test.furnish(users)
            try await test.open("lot-1", opensAt: Timestamp(seconds: now + 60))
            // Two hidden entries, one before the opening and one after it.
            try await test.submit(.registerUser("dave"))
            clock.advance(seconds: 61)
            try await test.submit(.registerUser("erin"))
            let count = test.ledger.reflects
            for seen in [count - 1, count] {
                let connection = try test.connect()
                _ = try await connection.follow("/auctions/lot-1/live", after: seen)
                #expect(try await connection.next().data["status"] as? String == "open")
            }
        }
    }

    @Test("An auction that time opens has changed, though no entry is about it")
    func opening() async throws {
        // Command ids carry the real time.
        let now = Int64(Date().timeIntervalSince1970)
        let clock = ManualClock(at: Timestamp(seconds: now))
        let soon = Timestamp(seconds: now + 60)
        var configuration = Configuration()
        configuration.clock = clock
        try await TestService.with(configuration: configuration) { test in
            try await test.furnish(users)
            try await test.open("lot-1", opensAt: soon)
            let seen = test.ledger.reflects
            let connection = try test.connect()
            _ = try await connection.follow("/auctions/lot-1/live")
            #expect(try await connection.next().data["status"] as? String == "scheduled")
            clock.advance(seconds: 61)
            try await test.submit(.registerUser("dave"))
            #expect(try await connection.next().data["status"] as? String == "open")
            let again = try test.connect()
            _ = try await again.follow("/auctions/lot-1/live", after: seen)
            #expect(try await again.next().data["status"] as? String == "open")
        }
    }

    @Test("What may be refused is refused before a stream begins")
    func refusals() async throws {
        try await TestService.with {
            $0.liveListenersMax = 4
            $0.liveListenersByUser = 2
            $0.liveListenersByAddress = 3
        } _: { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            let missing = try await test.call("GET", "/auctions/lot-9/live")
            #expect(missing.code == "auction_not_found")
            let malformed = try await test.call(
                "GET", "/auctions/lot-1/live", headers: [("last-event-id", "-1")])
            #expect(malformed.code == "parameter_malformed")
            #expect(try await test.call("GET", "/wallet/live").code == "token_missing")
            let nobody = try await test.call("GET", "/wallet/live", as: "dave")
            #expect(nobody.code == "user_not_found")
            var open: [TestConnection] = []
            for _ in 0..<2 {
                open.append(try test.connect())
                #expect(try await open[open.count - 1].follow("/live", as: "alice").status == 200)
            }
            let third = try await test.call("GET", "/live", as: "alice")
            #expect(third.status == 429)
            #expect(third.headers["retry-after"] != nil)
            for _ in 0..<2 {
                open.append(try test.connect())
                #expect(try await open[open.count - 1].follow("/live").status == 200)
            }
            let full = try await test.call("GET", "/live", as: "bob")
            #expect(full.status == 503)
            #expect(full.code == "busy")
            #expect(test.service.live.listenerCount == 4)
        }
    }

    @Test("A listener goes when its client does, though nothing is sent")
    func leaving() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            for path in ["/auctions/lot-1/live", "/wallet/live", "/live"] {
                var connections: [TestConnection] = []
                for _ in 0..<5 {
                    connections.append(try test.connect())
                    _ = try await connections[connections.count - 1].follow(path, as: "alice")
                }
                try await test.listeners(5)
                connections.removeAll()
                try await test.listeners(0)
            }
        }
    }

    @Test("A wallet's stream sends the caller's wallet and nobody else's")
    func wallet() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            let connection = try test.connect()
            _ = try await connection.follow("/wallet/live", as: "alice")
            let first = try await connection.next()
            #expect(first.name == "wallet")
            #expect(first.data["user"] as? String == "alice")
            // Bob's bid is no news to alice; what follows is.
            try await test.bid("bob", 300, on: "lot-1")
            try await test.bid("alice", 500, on: "lot-1")
            let second = try await connection.next()
            #expect(second.text.contains("\"locked\":500"))
            #expect(!second.text.contains("bob"))
            let again = try test.connect()
            _ = try await again.follow("/wallet/live", as: "alice", after: test.ledger.reflects)
            try await test.bid("bob", 900, on: "lot-1")
            // Outbid: the refund has touched her wallet.
            #expect(try await again.next().text.contains("\"locked\":0"))
        }
    }

    @Test("A wallet's stream wakes when the wallet changes, not by commands that change nothing")
    func sameWallet() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            try await test.bid("bob", 900, on: "lot-1")
            let fresh = try test.connect()
            _ = try await fresh.follow("/wallet/live", as: "alice")
            _ = try await fresh.next()
            let back = try test.connect()
            _ = try await back.follow("/wallet/live", as: "alice", after: test.ledger.reflects)
            // Absorbed by bob's maximum, then rejected.
            try await test.bid("alice", 500, on: "lot-1")
            let receipt = try await test.ledger.submit(
                .placeBid(auction: "lot-1", bidder: "alice", amount: 1), id: .generate())
            #expect(receipt.status == .rejected)
            // Time for a round, in which it would be told.
            try await Task.sleep(for: .milliseconds(300))
            try await test.bid("alice", 950, on: "lot-1")
            for connection in [fresh, back] {
                #expect(try await connection.next().text.contains("\"locked\":950"))
            }
        }
    }

    @Test("A stream ends with its token, and says that it lives while it is silent")
    func endings() async throws {
        try await TestService.with {
            $0.liveHeartbeat = .milliseconds(20)
        } _: { test in
            try await test.furnish(users)
            let mark = test.ledger.marks(of: ["alice" as UserID])[0]
            let listener = LiveListener(expires: .now)
            let (seat, _) = try test.service.live.listen(
                listener, to: .wallet("alice"), mark: mark, for: .user("alice"), most: 1)
            let last = try #require(await listener.next())
            #expect(last.text.contains("expired"))
            #expect(await listener.next() == nil)
            seat.leave()
            let connection = try test.connect()
            _ = try await connection.follow("/wallet/live", as: "alice")
            _ = try await connection.event()
            #expect(try await connection.event() == [": heartbeat"])
        }
    }

    @Test("The feed tells which auctions changed, goes on where a client was, or says it cannot")
    func feed() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            let start = test.ledger.reflects
            let connection = try test.connect()
            _ = try await connection.follow("/live")
            let first = try await connection.next()
            #expect(first.name == "feed")
            #expect(first.id == 0)
            #expect(first.auctions.isEmpty)
            try await test.open("lot-1")
            #expect(try await connection.next().auctions == ["lot-1"])
            try await test.open("lot-2")
            try await test.bid("alice", 44_444, on: "lot-2")
            var text = ""
            while !text.contains("\"leader\":\"alice\"") { text = try await connection.next().text }
            #expect(!text.contains("44444"))
            let again = try test.connect()
            _ = try await again.follow("/live", after: start)
            let missed = try await again.next()
            #expect(missed.auctions == ["lot-1", "lot-2"])
            #expect(missed.data["more"] as? Bool == false)
            #expect(missed.id == test.ledger.reflects)
            // Too far behind the last change.
            let many = (0..<LiveHub.feedResumeEntriesMax).map { number in
                Submission(
                    id: .generate(), command: .registerUser(UserID(unchecked: "u-\(number)")))
            }
            for batch in stride(from: 0, to: many.count, by: 5_000) {
                let end = min(batch + 5_000, many.count)
                _ = try await test.ledger.submit(Array(many[batch..<end]))
            }
            try await test.open("lot-3")
            while test.service.live.feedPosition < test.ledger.reflects {
                try await Task.sleep(for: .milliseconds(2))
            }
            let late = try test.connect()
            _ = try await late.follow("/live", after: start)
            let reset = try await late.next()
            #expect(reset.name == "reset")
            #expect(reset.data["missed_from"] as? UInt64 == start)
            #expect(reset.id == test.ledger.reflects)
            try await test.open("lot-4")
            #expect(try await late.next().auctions == ["lot-4"])
        }
    }

    @Test("More auctions than one event holds come in several, none left out")
    func manyAuctions() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            let start = test.ledger.reflects
            let names = (0..<450).map { AuctionID(unchecked: "lot-\($0)") }
            _ = try await test.ledger.submit(
                names.map { name in
                    Submission(
                        id: .generate(),
                        command: .openAuction(
                            OpenAuction(auction: name, seller: "carol", currency: "USD")))
                })
            let connection = try test.connect()
            _ = try await connection.follow("/live", after: start)
            var told: [String] = []
            var more = true
            while more {
                let event = try await connection.next()
                #expect(event.auctions.count <= LiveHub.feedAuctionsMax)
                told += event.auctions
                more = try #require(event.data["more"] as? Bool)
            }
            #expect(told == names.map(\.string))
        }
    }

    @Test("When the service shuts down its streams end after a last comment")
    func shutdown() async throws {
        try await TestService.with { test in
            try await test.furnish(users)
            try await test.open("lot-1")
            var options = ServiceOptions()
            options.port = 0
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let second = try await AuctionService(
                ledger: test.ledger, store: test.service.store, authenticator: NamedCallers(),
                options: options, logger: logger)
            let (ports, continuation) = AsyncStream<Int>.makeStream()
            let group = ServiceGroup(
                configuration: .init(
                    services: [second.server { continuation.yield($0) }], logger: logger))
            let running = Task { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            let connections = try (0..<3).map { _ in try TestConnection(port: port) }
            _ = try await connections[0].follow("/auctions/lot-1/live")
            _ = try await connections[1].follow("/wallet/live", as: "alice")
            _ = try await connections[2].follow("/live")
            for connection in connections { _ = try await connection.event() }
            await group.triggerGracefulShutdown()
            for connection in connections {
                #expect(try await connection.event() == [": \(LiveHub.farewell)"])
                await #expect(throws: ConnectionError.self) { try await connection.event() }
            }
            try await running.value
            #expect(second.live.listenerCount == 0)
        }
    }
}

@Suite("A listener")
struct LiveListenerTests {
    private func event(_ position: UInt64, _ mark: ChangeMark? = nil) -> LiveEvent {
        LiveEvent("auction", position: position, mark: mark, data: [])
    }

    @Test("Who reads slowly is given the newest event and none before it")
    func newestOnly() async {
        let listener = LiveListener()
        for position in [3, 5, 4] as [UInt64] { listener.put(event(position), at: .now) }
        listener.beat(after: .zero, at: .now)
        #expect(await listener.next()?.position == 5)
        listener.beat(after: .zero, at: .now)
        listener.put(event(6), at: .now)
        listener.end("gone")
        listener.put(event(7), at: .now)
        #expect(await listener.next()?.position == 6)
        #expect(await listener.next()?.text == ": gone\n\n")
        #expect(await listener.next() == nil)
    }

    @Test("The same state is not given twice")
    func marks() async throws {
        try await TestService.with { test in
            try await test.furnish(["alice"])
            let mark = test.ledger.marks(of: ["alice" as UserID])[0]
            let listener = LiveListener()
            listener.put(event(3, mark), at: .now)
            listener.put(event(9, mark), at: .now)
            #expect(await listener.next()?.position == 3)
        }
    }

    @Test("Who waits when the task is cancelled waits no longer")
    func cancelling() async {
        let listener = LiveListener()
        let waiting = Task { await listener.next() }
        waiting.cancel()
        #expect(await waiting.value == nil)
    }
}
