// `gavel audit statement` and `gavel audit diff`.

import Foundation
import GavelProgram
import Testing

@testable import Gavel
@testable import GavelReport

@Suite("Statements and differences on the command line")
struct StatementTests {
    private let space: Workspace

    init() async throws { space = try await importedWorkspace() }

    private func statement(_ arguments: String...) async throws -> Run {
        try await space.run(["audit", "statement", "--ledger", "house"] + arguments)
    }

    @Test("A wallet's statement has every movement with the balance after it, and its holds")
    func wallet() async throws {
        let run = try await statement("--wallet", "alice")
        #expect(run.errors == "")
        #expect(
            run.output == """
                statement  alice
                period     positions 0 to 14, until 2025-01-03T00:01:00.000Z

                position  time                      what                      auction      \
                amount   available     locked
                                                    opening balance                        \
                          0.00 USD   0.00 USD
                       6  2025-01-01T00:01:00.000Z  charged, reference psp-1           \
                500.00 USD  500.00 USD   0.00 USD
                       9  2025-01-01T02:00:00.000Z  locked                    lot-1     \
                15.00 USD  485.00 USD  15.00 USD
                      11  2025-01-01T02:02:00.500Z  refunded: outbid          lot-1     \
                15.00 USD  500.00 USD   0.00 USD
                      14  2025-01-03T00:01:00.000Z  locked                    lot-2      \
                7.00 USD  493.00 USD   7.00 USD
                                                    closing balance                        \
                        493.00 USD   7.00 USD

                locked for    amount
                lot-2       7.00 USD
                alice, as of position 14, 2025-01-03T00:01:00.000Z

                """)
    }

    @Test("A period begins with the balance before it, by position or by time")
    func period() async throws {
        let run = try await statement(
            "--wallet", "carol", "--from", "11", "--until", "12", "--format", "csv")
        let byTime = try await statement(
            "--wallet", "carol", "--from", "2025-01-01T02:02:00Z", "--until",
            "2025-01-02T12:00:00Z", "--format", "csv")
        #expect(
            masked(run.output) == """
                row,position,time,id,what,detail,auction,currency,amount,available,locked
                opening,,,,,,,USD,,30000,0
                movement,11,2025-01-01T02:02:00.500Z,ID,locked,,lot-1,USD,2000,28000,2000
                movement,12,2025-01-02T00:00:00.000Z,,paid,,lot-1,USD,2000,28000,0
                closing,,,,,,,USD,,28000,0

                """)
        #expect(byTime.output == run.output)
        let seller = try await statement("--wallet", "bob", "--format", "json")
        let last = try #require(seller.lines.last)
        #expect(
            last
                == #"{"row":"closing","user":"bob","currency":"USD","scale":2,"available":2000,"#
                + #""locked":0}"#)
        #expect(seller.lines.contains { $0.contains(#""what":"sold""#) })
        let after = try await statement("--wallet", "bob", "--from", "2026-01-01T00:00:00Z")
        #expect(after.status == 0 && after.output.contains("period     empty, as of position 14"))
    }

    @Test("A sum that is not the ledger's is found")
    func disagreement() throws {
        let usd = Currency(code: "USD", scale: 2)
        func movement(_ available: Money, _ locked: Money) -> WalletView.Movement {
            WalletView.Movement(
                position: 7, time: .zero, commandID: nil, kind: .paid, auction: nil,
                currency: CurrencyHandle(rawValue: 0), amount: 1, available: available,
                locked: locked)
        }
        func wallet(_ available: Money, _ locked: Money, held: Money) -> WalletView {
            WalletView(
                user: "alice",
                balances: [
                    WalletView.Balance(
                        currency: usd, available: available, locked: locked,
                        holds: [WalletView.Hold(auction: "lot", amount: held)])
                ])
        }
        var running = RunningBalances()
        _ = try running.add(movement(500, 0), in: usd)
        _ = try running.add(movement(-100, 100), in: usd)
        #expect(running.disagreement(with: wallet(400, 100, held: 100)) == nil)
        #expect(
            running.disagreement(with: wallet(401, 100, held: 100))
                == "the movements of alice add up to 4.00 USD available and 1.00 USD locked, but "
                + "the ledger has 4.01 USD available and 1.00 USD locked")
        #expect(
            running.disagreement(with: wallet(400, 100, held: 99))
                == "the holds of alice add up to 0.99 USD, but 1.00 USD is locked")
        #expect(running.disagreement(with: WalletView(user: "alice", balances: [])) != nil)
        #expect(throws: Failure.self) { try running.add(movement(0, -101), in: usd) }
    }

    @Test("An auction's statement has its state, its steps with the hold after each, and the hold")
    func auction() async throws {
        let run = try await statement("--auction", "lot-1", "--until", "11", "--format", "csv")
        #expect(
            run.output == """
                row,position,time,by,amount,what,price,leader,held,currency
                step,8,2025-01-01T01:00:00.000Z,operator,,"opened, bids from \
                2025-01-01T01:00:00.000Z until 2025-01-02T00:00:00.000Z",,,,USD
                step,9,2025-01-01T02:00:00.000Z,alice,1500,leads,1500,alice,1500,USD
                step,10,2025-01-01T02:01:00.000Z,carol,1500,rejected: bid_below_minimum (minimum \
                15.01 USD),1500,alice,1500,USD
                step,11,2025-01-01T02:02:00.500Z,carol,2000,"leads, ahead of alice",2000,carol,\
                2000,USD
                hold,,,,2000,,,carol,,USD

                """)
        let now = try await statement("--auction", "lot-1", "--from", "12")
        #expect(now.lines.contains("status   closed, sold"))
        #expect(now.lines.filter { $0.contains("T0") && $0.contains("lead") }.isEmpty)
        #expect(now.lines.last?.hasPrefix("nobody holds anything, as of position 14") == true)
        let json = try await statement("--auction", "lot-2", "--format", "json")
        #expect(
            json.lines.last
                == #"{"row":"hold","auction":"lot-2","user":"alice","currency":"USD","amount":700}"#
        )
    }

    @Test("What cannot be stated is named")
    func misuse() async throws {
        for (arguments, message) in [
            ([], "A statement is of one: give --wallet or --auction."),
            (
                ["--auction", "lot-1", "--currency", "USD"],
                "--currency cannot stand beside --auction, which has one."
            ),
            (["--wallet", "nobody"], "there is no user nobody"),
            (["--auction", "nothing"], "there is no auction nothing"),
            (["--wallet", "alice", "--currency", "XXX"], "there is no currency XXX"),
            (
                ["--wallet", "alice", "--from", "12", "--until", "11"],
                "--from: the period has no position 12; it ends after 12 entries"
            ),
        ] {
            let run = try await space.run(
                ["audit", "statement", "--ledger", "house"] + arguments)
            #expect(run.errors == "gavel: \(message)\n")
            #expect(run.status == 2)
        }
    }

    // MARK: Differences

    private func diff(_ arguments: String...) async throws -> Run {
        try await space.run(["audit", "diff", "--ledger", "house"] + arguments)
    }

    @Test("Between two moments: what each wallet and auction was and is")
    func moments() async throws {
        let run = try await diff("--from", "10", "--until", "2025-01-01T03:00:00Z")
        #expect(
            run.output == """
                what     name     field              before       after
                count    entries  number                 11          12
                wallet   alice    available      485.00 USD  500.00 USD
                wallet   alice    locked          15.00 USD    0.00 USD
                wallet   carol    available      300.00 USD  280.00 USD
                wallet   carol    locked           0.00 USD   20.00 USD
                auction  lot-1    price           15.00 USD   20.00 USD
                auction  lot-1    leader              alice       carol
                auction  lot-1    maximum         15.00 USD   20.00 USD
                auction  lot-1    held            15.00 USD   20.00 USD
                auction  lot-1    bids                    2           3
                auction  lot-1    accepted_bids           1           2
                auction  lot-1    minimum_bid     15.01 USD   20.01 USD
                4 differences: before is as of position 10, 2025-01-01T02:01:00.000Z, after is \
                as of position 11, 2025-01-01T02:02:00.500Z

                """)
        #expect(run.status == 0)
        let json = try await diff("--from", "10", "--until", "11", "--format", "json")
        #expect(
            json.lines.contains(
                #"{"difference":"wallet","name":"carol","currency":"USD","changes":["#
                    + #"{"field":"available","before":30000,"after":28000},"#
                    + #"{"field":"locked","before":0,"after":2000}]}"#))
    }

    @Test("Between two ledgers: none in a copy; where they part, and both entries there")
    func ledgers() async throws {
        _ = try await space.run("backup", "copy", "--ledger", "house")
        let same = try await diff("--other", "copy")
        #expect(same.status == 0)
        #expect(same.lines.first == "the logs are the same, 15 entries")
        let submitted = try await space.run(
            "submit", "--ledger", "copy", "--key", "house/key",
            input: #"{"command":"register_user","user":"zoe"}"# + "\n")
        #expect(submitted.status == 0)
        let other = try await diff("--other", "copy")
        #expect(other.status == 1 && other.errors == "")
        #expect(other.lines.first == "the logs part at position 15")
        #expect(other.lines.contains("  house: no entry"))
        #expect(other.lines.contains { $0.hasPrefix("user   zoe") })
        let before = try await diff("--other", "copy", "--at", "14")
        #expect(before.status == 0)
        // Another history from the ninth line on.
        try space.write(history.replacing("1500,\"by\"", with: "1600,\"by\""), to: "o.jsonl")
        _ = try await space.run("import", "o.jsonl", "--ledger", "else")
        let parted = try await diff("--other", "else", "--format", "json")
        #expect(parted.status == 1)
        let positions = parted.lines.filter { $0.hasPrefix(#"{"difference":"log""#) }
            .compactMap { $0.split(separator: ",").dropFirst().first }
        #expect(positions == ["\"position\":0", "\"position\":1"] || positions.count == 2)
    }

    @Test("What cannot be compared is named")
    func misusedDiff() async throws {
        for (arguments, message) in [
            ([], "Give --from, or --other."),
            (
                ["--other", "copy", "--from", "1"],
                "--from and --until are of one ledger; beside --other give --at."
            ),
            (
                ["--from", "1", "--at", "2"],
                "--at stands beside --other; of one ledger give --until."
            ),
            (["--other", "house"], "--other is the same folder as --ledger."),
            (
                ["--from", "12", "--until", "11"],
                "--from 12 lies after the last entry compared, 11"
            ),
        ] {
            let run = try await space.run(["audit", "diff", "--ledger", "house"] + arguments)
            #expect(run.errors == "gavel: \(message)\n")
            #expect(run.status == 2)
        }
    }
}
