// Histories as text: one row a command, its last columns what must come of it.
//
//     time | command          | outcome                    | price leader | wallets
//     1s   | bob bids 150     | lead_taken refunded locked | 150 bob      | alice 900, bob 0+150
//
// Time: seconds after the start, `60s-1ns` one nanosecond earlier. Command: WHO DOES [AMOUNT]
// [REFERENCE] [for WHOM]; `wait` only lets time pass. Outcome: the events' names, or the code of
// a rejection with its number, or a refusal's. Price and leader: `-` where there is none. Wallets:
// available+locked of those named, or only available where nothing is locked. Invariants and
// digest are checked after every row.

import AuctionDomain
import Testing

/// A ledger with one auction, `lot`, driven by the rows of a table.
struct CommandTable {
    var ledger: TestLedger
    private let closesAt: Timestamp?

    /// - Parameters:
    ///   - wallets: what alice, bob and carol have.
    ///   - closesAt: seconds after the start; nil for an auction without end.
    init(
        rules: AuctionRules,
        wallets: [(UserID, Money)] = [("alice", 10_000), ("bob", 10_000), ("carol", 10_000)],
        opensAt: Int64? = nil, closesAt: Int64? = 60
    ) {
        ledger = .prepared(wallets: wallets)
        self.closesAt = closesAt.map { TestLedger.start + $0 }
        ledger.open(
            rules: rules, opensAt: opensAt.map { TestLedger.start + $0 }, closesAt: self.closesAt)
    }

    /// Runs a table and reports each row that came out otherwise.
    mutating func run(_ table: String, sourceLocation: SourceLocation = #_sourceLocation) {
        for line in table.split(separator: "\n") {
            let columns = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { Self.trimmed($0) }
            guard columns.count == 5 else {
                Issue.record("a row has five columns: \(line)", sourceLocation: sourceLocation)
                return
            }
            let outcome = perform(columns[1], at: Self.time(columns[0]))
            let row = "in row \(line)"
            #expect(
                outcome == columns[2], Comment(rawValue: row), sourceLocation: sourceLocation)
            let price = ledger.auction().price.minorUnits
            let standing = ledger.leader().map { "\(price) \($0)" } ?? "-"
            #expect(
                standing == columns[3], Comment(rawValue: row), sourceLocation: sourceLocation)
            for wallet in columns[4].split(separator: ",").map({ Self.trimmed($0) }) {
                #expect(
                    found(wallet) == wallet, Comment(rawValue: row),
                    sourceLocation: sourceLocation)
            }
            #expect(
                ledger.state.invariantViolations() == [], Comment(rawValue: row),
                sourceLocation: sourceLocation)
        }
    }

    /// The wallet of the user a cell names, written as the cell is.
    private func found(_ cell: String) -> String {
        let user = UserID(unchecked: String(cell.prefix { $0 != " " }))
        let (available, locked) = (ledger.available(user), ledger.locked(user))
        let lockedPart = locked == 0 ? "" : "+\(locked.minorUnits)"
        return "\(user) \(available.minorUnits)\(lockedPart)"
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    private static func time(_ text: String) -> Timestamp {
        let isBefore = text.hasSuffix("-1ns")
        let seconds = Int64(text.prefix { $0 != "s" })!
        let time = TestLedger.start + seconds
        return isBefore ? time.justBefore : time
    }

    private static func actor(_ name: String) -> LedgerActor {
        switch name {
        case "operator": .operator
        case "payment": .payment
        default: .user(UserID(unchecked: name))
        }
    }

    /// Does one command.
    /// - Returns: what came of it, in the words of the table.
    private mutating func perform(_ text: String, at time: Timestamp) -> String {
        if text == "wait" {
            ledger.closeDue(at: time)
            return "-"
        }
        var words = text.split(separator: " ").map(String.init)
        let actor = Self.actor(words[0])
        var subject = UserID(unchecked: words[0])
        if let place = words.firstIndex(of: "for") {
            subject = UserID(unchecked: words[place + 1])
            words.removeSubrange(place...)
        }
        let amount = Money(minorUnits: words.count > 2 ? Int64(words[2]) ?? 0 : 0)
        let reference = PaymentReference(unchecked: words.count > 3 ? words[3] : "none")
        let command: Command
        switch words[1] {
        case "bids": command = .placeBid(auction: "lot", bidder: subject, amount: amount)
        case "charges":
            command = .charge(
                user: subject, currency: "USD", amount: amount, reference: reference)
        case "withdraws":
            command = .withdraw(
                user: subject, currency: "USD", amount: amount, reference: reference)
        case "closes": command = .closeAuction("lot")
        case "hammers": command = .closeAuction("lot", hammer: true)
        case "cancels": command = .cancelAuction("lot")
        case "extends": command = .extendAuction("lot", closesAt: Self.time(words[2]))
        default: return "no such command"
        }
        switch ledger.submit(command, by: actor, at: time) {
        case .accepted(let events): return events.map(\.name).joined(separator: " ")
        case .rejected(let rejection):
            let hasLimit = rejection.code.limitName != nil
            return rejection.code.name + (hasLimit ? " \(rejection.limit.minorUnits)" : "")
        case .refused(let refusal): return refusal.name
        }
    }
}
