// Exports of the histories, added up here: transactions balance, assertions hold where they stand,
// and the last ones are the wallets. Tests/Judges asks hledger and beancount the same.

import Foundation
import Testing

/// An account and a commodity.
private struct Holding: Hashable {
    var account: String
    var commodity: String
}

/// Adds up a journal line by line. Amounts count minor units: all of a commodity have as many
/// decimals, so the point is left out.
private struct Books {
    private(set) var balances: [Holding: Int] = [:]
    private(set) var transactions = 0
    private(set) var assertions = 0
    /// What moved and was not asserted since.
    private(set) var unasserted: Set<Holding> = []
    private var open: [String: Int] = [:]
    private var lastDate = ""

    mutating func begin(on date: String) {
        end()
        #expect(date >= lastDate)
        lastDate = date
        transactions += 1
    }

    mutating func post(_ holding: Holding, _ amount: Int) {
        open[holding.commodity, default: 0] += amount
        balances[holding, default: 0] += amount
        unasserted.insert(holding)
    }

    mutating func assert(_ holding: Holding, _ balance: Int) {
        #expect(balances[holding, default: 0] == balance, "\(holding)")
        unasserted.remove(holding)
        assertions += 1
    }

    /// Ends the transaction that is open, if one is.
    mutating func end() {
        for (commodity, sum) in open { #expect(sum == 0, "\(commodity)") }
        open = [:]
    }

    mutating func assertAfterToday(_ date: String, _ holding: Holding, _ balance: Int) {
        end()
        #expect(date > lastDate)
        assert(holding, balance)
    }
}

private func minorUnits(_ amount: Substring) throws -> Int {
    try #require(Int(amount.filter { $0 != "." }))
}

private func hledgerBooks(_ text: String) throws -> Books {
    var books = Books()
    for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        if line.first?.isNumber == true {
            books.begin(on: String(words[0]))
        } else if line.hasPrefix("    "), words[0] != ";" {
            let holding = Holding(account: String(words[0]), commodity: String(words[2]))
            books.post(holding, try minorUnits(words[1]))
            guard words.count > 3 else {
                #expect(words[0] == "equity:outside")
                continue
            }
            #expect(words[3] == "=" && words[5] == words[2])
            books.assert(holding, try minorUnits(words[4]))
        }
    }
    books.end()
    return books
}

private func beancountBooks(_ text: String) throws -> Books {
    var books = Books()
    for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        if line.hasPrefix("  "), !words[0].hasSuffix(":") {
            let holding = Holding(account: String(words[0]), commodity: String(words[2]))
            books.post(holding, try minorUnits(words[1]))
        } else if words.count > 1, words[1] == "*" {
            books.begin(on: String(words[0]))
        } else if words.count > 1, words[1] == "balance" {
            #expect(words[4...5] == ["~", "0"])
            let holding = Holding(account: String(words[2]), commodity: String(words[6]))
            books.assertAfterToday(String(words[0]), holding, try minorUnits(words[3]))
        }
    }
    books.end()
    return books
}

@Suite("Exports of the histories")
struct JournalHistoryTests {
    static let histories =
        RuleHistoryTests.names.map { "histories/rules/\($0)" }
        + ["histories/storm", "histories/odd_names", "migration/expected"]

    @Test("The history of odd names is written again byte for byte")
    func oddNames() throws {
        let place = try Place()
        let run = try place.shell(#"python3 "$FIXTURES/histories/make_odd_names.py" ."#)
        try #require(run.status == 0, "\(run.errors)")
        let written = try String(
            contentsOf: place.folder.appending(path: "odd_names.jsonl"), encoding: .utf8)
        let stored = try Place.text("histories/odd_names.jsonl")
        #expect(written == stored)
    }

    @Test(
        "Journals balance, assert what they add up to, and end in the wallets",
        arguments: histories)
    func journals(history: String) throws {
        let place = try Place()
        let imported = try place.shell(
            #"gavel import "$FIXTURES/\#(history).jsonl" --ledger house"#)
        try #require(imported.status == 0, "\(imported.errors)")
        func export(_ format: String) throws -> String {
            let run = try place.shell("gavel export --ledger house --format \(format)")
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.utf8.allSatisfy { $0 < 0x80 })
            return run.output
        }
        let (hledgerText, beancountText) = (try export("hledger"), try export("beancount"))
        let hledger = try hledgerBooks(hledgerText)
        let beancount = try beancountBooks(beancountText)
        #expect(hledger.transactions > 0 && hledger.transactions == beancount.transactions)
        #expect(hledger.assertions > 0 && beancount.assertions > 0)
        #expect(hledger.unasserted.allSatisfy { $0.account == "equity:outside" })
        #expect(beancount.unasserted.allSatisfy { $0.account == "Equity:Outside" })

        // Names are mapped by JournalNames, which has tests of its own; here the sums must agree.
        let wallets = try place.shell("gavel wallets --ledger house --format csv").output
        let rows = wallets.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
        for (column, half) in [(2, "available"), (3, "locked")] {
            let expected = rows.compactMap { Int($0[column]) }.filter { $0 != 0 }.sorted()
            for books in [hledger, beancount] {
                let found = books.balances.filter { holding, balance in
                    balance != 0 && holding.account.lowercased().hasSuffix(":\(half)")
                }
                #expect(found.values.sorted() == expected)
            }
        }
        for row in rows where row[0].allSatisfy(\.isLetter) && row[1].allSatisfy(\.isUppercase) {
            guard row[1].count == 3 else { continue }
            for (column, half) in [(2, "available"), (3, "locked")] {
                let holding = Holding(
                    account: "assets:U\(row[0]):\(half)", commodity: String(row[1]))
                #expect(hledger.balances[holding, default: 0] == Int(row[column]))
            }
        }
        let rowsText = try export("csv")
        try expectRows(rowsText, lines: try export("jsonl"), endIn: Set(wallets.lines))
        // Every payment has its reference, in every format; the judges compare them.
        let payments = rowsText.lines.count {
            $0.contains(",charged,") || $0.contains(",withdrawn,")
        }
        #expect(payments > 0)
        #expect(hledgerText.lines.count { $0.contains(", reference:") } == payments)
        #expect(beancountText.lines.count { $0.hasPrefix("  reference: ") } == payments)
    }

    /// Rows and lines must be as many, and the last row of each wallet must be its balances.
    private func expectRows(_ csv: String, lines: String, endIn wallets: Set<Substring>) throws {
        let rows = csv.split(separator: "\n").dropFirst().map {
            // The reference is the last field; it alone may hold a comma.
            $0.split(separator: ",", maxSplits: 12, omittingEmptySubsequences: false)
        }
        #expect(rows.count == lines.split(separator: "\n").count)
        var last: [String: (available: Substring, locked: Substring)] = [:]
        for row in rows {
            try #require(row.count == 13)
            let isPayment = row[3] == "charged" || row[3] == "withdrawn"
            #expect(row[12].isEmpty != isPayment)
            last["\(row[5]),\(row[6])"] = (row[10], row[11])
        }
        let found = last.map { Substring("\($0),\($1.available),\($1.locked)") }
        #expect(Set(found) == wallets)
    }
}

extension String {
    /// The lines below the first one.
    fileprivate var lines: [Substring] { Array(split(separator: "\n").dropFirst()) }
}
