// `gavel audit re-decide`: a sound ledger comes out the same, and logs that other rules wrote do
// not. Those logs are whole: hashed, linked, clean at level fold; only deciding again can tell, be
// it here or at level rules.

import Foundation
import Testing

@testable import Gavel

/// A log under the hands of somebody with rules of their own.
private final class ForgedLog {
    private(set) var state = State()
    private var entries: [(entry: LedgerEntry, id: CommandID)] = []
    private var lastID: UInt64 = 0

    /// Decides by the rules unless told an outcome, and appends the entry.
    func append(
        _ command: CanonicalCommand, by actor: CanonicalActor = .operator, at seconds: Int64,
        outcome forged: Outcome? = nil
    ) {
        let time = Timestamp(seconds: 1_735_689_600 + seconds)
        let outcome = forged ?? state.decide(command, by: actor, at: time)
        let point = EntryPoint(position: state.entryCount, time: time)
        for event in outcome.events { state.evolve(event, at: point) }
        var links = ContiguousArray<EntryLink>()
        state.finishEntry(
            command, rejected: outcome.rejection != nil, events: outcome.events, at: point,
            links: &links)
        lastID += 1
        let id =
            actor == .system
            ? CommandID.none
            : CommandID(
                milliseconds: UInt64(time.nanoseconds) / 1_000_000, randomHigh: 0,
                randomLow: lastID)
        let entry = LedgerEntry(
            position: point.position, time: time, commandID: id, actor: actor, command: command,
            outcome: outcome, links: links)
        entries.append((entry, id))
    }

    func append(_ command: Command, at seconds: Int64, outcome: Outcome? = nil) throws {
        append(try state.resolve(command), at: seconds, outcome: outcome)
    }

    /// Writes the ledger's folder.
    func write(to path: String) throws {
        var builder = FrameBuilder(firstPosition: 0, capacity: 1 << 16)
        for (entry, id) in entries {
            builder.append(
                entry.command, id: id, actor: entry.actor,
                at: EntryPoint(position: entry.position, time: entry.time),
                rejection: entry.outcome.rejection, events: entry.outcome.events,
                links: entry.links, salt: nil)
        }
        let identity = Frame.Identity(
            ledgerID: LedgerID(high: 1, low: 2), epoch: state.epoch, number: 0,
            horizon: CommandHorizon())
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        let log = try LMDBEventLog(at: path + "/log", creates: true)
        log.start { _ in }
        log.append(builder.finish(), atOnce: true) { frame in
            var tree = MerkleTree()
            frame.seal(identity, tree: &tree)
        }
        log.drain()
        // The house has the key, and signs what it likes.
        let size = state.entryCount
        let key = try SigningKey.generate(name: "forged.example")
        let signed = try Checkpoint(
            origin: key.verifier.name, size: size,
            root: LogTree(of: log, size: size).tree(of: size).root
        ).signed(by: key)
        log.close()
        try LedgerKey.write(key, to: path + "/key")
        try Data(signed.bytes).write(to: URL(filePath: path + "/checkpoint"))
    }

    /// A house with USD, sam who sells, alice and bob with 100.00 each, and lot-1, which opens at
    /// 1.00 with steps of 0.10 and ends after 100 s.
    static func prepared() throws -> ForgedLog {
        let log = ForgedLog()
        log.append(.createLedger(LedgerID(high: 1, low: 2)), by: .system, at: 0)
        log.append(.openEngine(epoch: 1, version: "forged"), by: .system, at: 0)
        try log.append(.registerCurrency(Currency(code: "USD", scale: 2)), at: 1)
        for user in ["sam", "alice", "bob"] as [UserID] {
            try log.append(.registerUser(user), at: 1)
        }
        for user in ["alice", "bob"] as [UserID] {
            try log.append(
                .charge(user: user, currency: "USD", amount: 10_000, reference: "psp"), at: 1)
        }
        let rules = AuctionRules(
            openingPrice: 100,
            increments: .table([IncrementRow(from: 0, step: 10)]))
        for auction in ["lot-1", "lot-2"] as [AuctionID] {
            try log.append(
                .openAuction(
                    OpenAuction(
                        auction: auction, seller: "sam", currency: "USD",
                        closesAt: Timestamp(
                            seconds: 1_735_689_600 + (auction == "lot-1" ? 100 : 200)),
                        rules: rules)), at: 2)
        }
        return log
    }
}

@Suite("Deciding again on the command line")
struct RedecideTests {
    private let space: Workspace

    init() throws { space = try Workspace() }

    private let lot = AuctionHandle(rawValue: 0)
    private let other = AuctionHandle(rawValue: 1)
    private let alice = UserHandle(rawValue: 2)
    private let bob = UserHandle(rawValue: 3)

    private func redecide(_ log: ForgedLog, _ arguments: String...) async throws -> Run {
        try log.write(to: space.path + "/forged")
        let fold = try await space.run(
            "audit", "verify", "--ledger", "forged", "--level", "fold")
        #expect(fold.status == 0, "\(fold.output)")
        let run = try await space.run(
            ["audit", "re-decide", "--ledger", "forged"] + arguments)
        let rules = try await space.run("audit", "verify", "--ledger", "forged")
        #expect(rules.status == run.status, "\(rules.output)")
        return run
    }

    @Test("A sound ledger comes out the same, up to any moment")
    func sound() async throws {
        let space = try await importedWorkspace()
        let run = try await space.run("audit", "re-decide", "--ledger", "house")
        #expect(run.status == 0 && run.errors == "")
        #expect(run.lines.first == "entries    15" && run.lines.last == "result     same")
        let json = try await space.run(
            "audit", "re-decide", "--ledger", "house", "--until", "9", "--json")
        #expect(
            json.output
                == #"{"entries":10,"differing":0,"same":true,"late_closings":0,"late":[]}"# + "\n")
    }

    @Test("A bid below the minimum that was let pass differs, and what follows from it does not")
    func letPass() async throws {
        let log = try ForgedLog.prepared()
        try log.append(.placeBid(auction: "lot-1", bidder: "alice", amount: 500), at: 10)
        try log.append(
            .placeBid(auction: "lot-1", bidder: "bob", amount: 505), at: 11,
            outcome: .accepted([
                .leadTaken(auction: lot, bidder: bob, maximum: 505, price: 505),
                .refunded(auction: lot, user: alice, amount: 500, reason: .outbid),
                .locked(auction: lot, user: bob, amount: 505, held: 505),
            ]))
        try log.append(.placeBid(auction: "lot-1", bidder: "alice", amount: 600), at: 12)
        log.append(.closeDue(lot), by: .system, at: 100)
        let run = try await redecide(log)
        #expect(run.status == 1)
        #expect(
            run.lines.first
                == "position 11, 2025-01-01T00:00:11.000Z, place_bid: recorded lead_taken refunded "
                + "locked; today bid_below_minimum (minimum 5.10 USD)")
        #expect(run.lines.last == "result     1 outcome differs")
        let verified = try await space.run("audit", "verify", "--ledger", "forged")
        #expect(
            verified.output.contains(
                "at position 11: by the rules the outcome is bid_below_minimum (minimum 510), "
                    + "recorded is lead_taken(bidder bob, maximum 505, price 505) "))
        let json = try await space.run("audit", "verify", "--ledger", "forged", "--json")
        #expect(
            json.output.contains(
                #""contradiction":{"position":11,"recorded":{"status":"accepted","events":[{"#))
        #expect(
            json.output.contains(
                #""expected":{"status":"rejected","rejection":{"code":"bid_below_minimum","#
                    + #""number":41,"minimum":510}}}"#))
        try await explainsContradiction()
    }

    /// Every way to explain says that the entry contradicts the rules, and ends with 1.
    private func explainsContradiction() async throws {
        let explained = try await space.run("audit", "explain", "11", "--ledger", "forged")
        #expect(explained.status == 1)
        for line in [
            "  !! This entry CONTRADICTS THE RULES.",
            "  !! Recorded: lead_taken refunded locked.",
            "  !! By the rules: bid_below_minimum (minimum 5.10 USD).",
            "What the rules say",
            "  Refused by bid_below_minimum (41): the bid of 5.05 USD is below the minimum of "
                + "5.10 USD: price 5.00 USD + step 0.10 USD.",
            "  bob is recorded as leading with 5.05 USD at the price of 5.05 USD.",
        ] {
            #expect(explained.lines.contains(line), "\(line) in \(explained.output)")
        }
        #expect(!explained.output.contains("Accepted"))
        let json = try await space.run(
            "audit", "explain", "11", "--ledger", "forged", "--format", "json")
        #expect(json.status == 1)
        #expect(json.output.contains(#""verdict":"refused""#))
        #expect(json.output.contains(#""contradiction":{"recorded":{"status":"accepted""#))
        let lot = try await space.run("audit", "explain", "lot-1", "--ledger", "forged")
        #expect(lot.status == 1 && lot.output.contains("CONTRADICTS THE RULES"))
        for subject in [["--auction", "lot-1"], ["--wallet", "bob"], ["--all"]] {
            let page = try await space.run(
                ["audit", "report", "--ledger", "forged", "--output", "-"] + subject)
            #expect(page.status == 1, "\(subject)")
            #expect(
                page.output.contains("the entry at position 11 contradicts the rules."),
                "\(subject)")
        }
        let other = try await space.run(
            "audit", "report", "--ledger", "forged", "--output", "-", "--auction", "lot-2")
        #expect(other.status == 0)
    }

    @Test("Rejections for another reason, with another figure, or of what was right differ")
    func rejections() async throws {
        let log = try ForgedLog.prepared()
        let bid = { (amount: Money) in
            Command.placeBid(auction: "lot-1", bidder: "alice", amount: amount)
        }
        try log.append(bid(99), at: 10, outcome: .rejected(Rejection(.auctionEnded)))
        try log.append(
            bid(99), at: 11, outcome: .rejected(Rejection(.bidBelowOpening, limit: 101)))
        try log.append(
            bid(100), at: 12, outcome: .rejected(Rejection(.bidBelowOpening, limit: 100)))
        try log.append(bid(99), at: 13)
        let run = try await redecide(log, "--json")
        #expect(run.status == 1)
        #expect(run.lines.count == 4)
        let today = [
            #""today":{"status":"rejected","rejection":{"code":"bid_below_opening","number":40,"#
                + #""minimum":100}}"#,
            #""today":{"status":"rejected","rejection":{"code":"bid_below_opening","number":40,"#
                + #""minimum":100}}"#,
            #""today":{"status":"accepted","events":[{"event":"lead_taken""#,
        ]
        for (line, part) in zip(run.lines, today) { #expect(line.contains(part), "\(line)") }
        #expect(run.lines.last?.hasPrefix(#"{"entries":14,"differing":3,"same":false"#) == true)
    }

    @Test("A fee that the rules do not take differs, though the money adds up")
    func fee() async throws {
        let log = try ForgedLog.prepared()
        try log.append(.placeBid(auction: "lot-1", bidder: "alice", amount: 500), at: 10)
        let sam = UserHandle(rawValue: 1)
        log.append(
            .closeDue(lot), by: .system, at: 100,
            outcome: .accepted([
                .auctionClosed(auction: lot, outcome: .sold, winner: alice, price: 500),
                .settled(auction: lot, winner: alice, seller: sam, amount: 500, fee: 50),
            ]))
        let run = try await redecide(log)
        #expect(run.status == 1)
        #expect(run.lines.first?.contains(#""fee":50}]; today [{"event""#) == true)
    }

    @Test("A closing before its time or at another time differs, one before another's does not")
    func closings() async throws {
        var log = try ForgedLog.prepared()
        log.append(.closeDue(lot), by: .system, at: 99)
        var run = try await redecide(log)
        #expect(
            run.lines.first?.hasSuffix("today not yet: it ends at 2025-01-01T00:01:40.000Z")
                == true)
        log = try ForgedLog.prepared()
        log.append(.closeDue(lot), by: .system, at: 101)
        run = try await redecide(log)
        #expect(
            run.lines.first?.hasSuffix(
                "today it would close with the time 2025-01-01T00:01:40.000Z") == true)
        log = try ForgedLog.prepared()
        log.append(.closeDue(other), by: .system, at: 200)
        run = try await redecide(log)
        #expect(run.status == 0, "\(run.output)")
        #expect(
            run.lines.contains(
                "notes      lot-1 ended at 2025-01-01T00:01:40.000Z and was still open at position "
                    + "10: it may have been held"))
    }

    @Test("An auction left open after its end is a note, not a difference")
    func late() async throws {
        let log = try ForgedLog.prepared()
        try log.append(.registerUser("zoe"), at: 150)
        let run = try await redecide(log)
        #expect(run.status == 0)
        #expect(
            run.lines.contains(
                "notes      lot-1 ended at 2025-01-01T00:01:40.000Z and was still open at position "
                    + "10: it may have been held"))
    }

    @Test("A bid beside an auction that is left open is named, one on that auction differs")
    func besideLate() async throws {
        let log = try ForgedLog.prepared()
        try log.append(.registerUser("zoe"), at: 150)
        try log.append(.placeBid(auction: "lot-2", bidder: "alice", amount: 500), at: 151)
        try log.append(.placeBid(auction: "lot-2", bidder: "bob", amount: 700), at: 152)
        var run = try await redecide(log)
        #expect(run.status == 0)
        #expect(
            run.lines.contains(
                "notes      lot-1 ended at 2025-01-01T00:01:40.000Z and was still open at position "
                    + "10, and beside a bid at position 11: it may have been held"))
        run = try await redecide(log, "--json")
        #expect(run.output.contains(#""position":10,"bid_position":11}]}"#), "\(run.output)")
        try log.append(
            .placeBid(auction: "lot-1", bidder: "bob", amount: 700), at: 153,
            outcome: .rejected(Rejection(.auctionEnded)))
        run = try await redecide(log)
        #expect(run.status == 1)
        #expect(
            run.lines.first?.hasSuffix(
                "today lot-1 would close first, which ended at 2025-01-01T00:01:40.000Z") == true)
    }

    @Test("An outage that moves an end is explained as one, and a false one is named")
    func outage() async throws {
        let log = try ForgedLog.prepared()
        try log.append(
            .openAuction(
                OpenAuction(
                    auction: "lot-3", seller: "sam", currency: "USD",
                    closesAt: Timestamp(seconds: 1_735_689_700),
                    rules: AuctionRules(outage: OutageRule(moveMilliseconds: 600_000)))), at: 3)
        let start = Timestamp(seconds: 1_735_689_690)
        let until = Timestamp(seconds: 1_735_689_710)
        let lot3 = AuctionHandle(rawValue: 2)
        log.append(.openEngine(epoch: 2, version: "forged"), by: .system, at: 110)
        log.append(
            .extendOutage(auction: lot3, since: start, until: until), by: .system, at: 110)
        log.append(.closeDue(lot), by: .system, at: 110)
        var run = try await redecide(log)
        #expect(run.status == 0 && !run.output.contains("notes"), "\(run.output)")
        run = try await space.run("audit", "explain", "12", "--ledger", "forged")
        for part in [
            "the house was out of reach from 2025-01-01T00:01:30.000Z to 2025-01-01T00:01:50.000Z, "
                + "and the end of lot-3 had come meanwhile",
            "The end is 2025-01-01T00:01:40.000Z → 2025-01-01T00:11:50.000Z: nobody could bid when "
                + "it came, one of more than 5 s moves an end in it to 600 s after it.",
        ] { #expect(run.output.contains(part), "\(part) in \(run.output)") }
        run = try await space.run("auction", "lot-3", "--ledger", "forged", "--public")
        #expect(run.output.contains("outage: ends at 2025-01-01T00:11:50.000Z"), "\(run.output)")
        run = try await space.run("log", "--ledger", "forged", "--format", "json", "--from", "12")
        #expect(
            run.output.contains(
                #""command":"extend_outage","auction":"lot-3","since":"2025-01-01T00:01:30.000Z""#),
            "\(run.output)")
        log.append(
            .extendOutage(auction: other, since: start, until: until), by: .system, at: 111)
        run = try await redecide(log)
        #expect(run.status == 1)
        #expect(
            run.lines.first?.hasSuffix(
                "today nothing: the auction's rules move no end for an outage") == true)
        run = try await redecide(log, "--json")
        #expect(
            run.lines.first?.hasSuffix(#""today":{"status":"no_outage","why":"moves_nothing"}}"#)
                == true)
    }
}
