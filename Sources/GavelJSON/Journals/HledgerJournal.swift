// A ledger as a journal for hledger: one transaction for each entry that moves money.
//
// Invariants: every posting to a wallet asserts the balance after it, and hledger checks these in
// the order of the file within a day, so `hledger check` adds up every wallet by itself, entry by
// entry. Dates never fall, all accounts and commodities are declared before they are used, and
// everything is ASCII.

import AuctionDomain
public import Gavel

/// Collects the text of a journal.
///
///     assets:U<user>:available, assets:U<user>:locked    what a wallet holds
///     equity:outside                                     where charges come from
///
/// Keep one and call `removeAll()` between entries: it keeps its memory.
public struct HledgerJournal: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Writes what stands before the first entry.
    /// - Parameter comment: one line that says where the journal comes from.
    public mutating func begin(_ comment: String) {
        line("; \(comment)")
        // Without this, an amount with three decimals could be read as one with thousands.
        line("decimal-mark .")
        line("account equity:outside")
    }

    /// Writes the next entry: what it registers is declared, and its movements become a
    /// transaction.
    public mutating func entry(
        _ entry: LedgerEntry, _ movements: [Movement], names: some Names
    ) {
        for event in entry.outcome.events { visit(event) }
        guard let first = movements.first else { return }
        line("")
        line("\(Timestamp.date(ofDay: entry.time.day)) * \(entry.command.jsonName)")
        var tags = "    ; position:\(entry.position), time:\(entry.time.rfc3339)"
        if let id = entry.commandID { tags += ", id:\(id)" }
        if let auction = first.auction { tags += ", auction:\(names.id(of: auction))" }
        if let reference = first.reference {
            tags += ", reference:\(JournalNames.hledgerTag(reference))"
        }
        line(tags)
        for movement in movements { post(movement, names: names) }
    }

    private mutating func declare(_ user: UserID) {
        let account = JournalNames.account(of: user)
        line("account assets:\(account):available  ; user:\(user)")
        line("account assets:\(account):locked  ; user:\(user)")
    }

    private mutating func post(_ movement: Movement, names: some Names) {
        let account = "assets:" + JournalNames.account(of: names.id(of: movement.user))
        let commodity = JournalNames.hledgerCommodity(movement.currency.code)
        func amount(_ money: Money) -> String {
            "\(money.decimal(scale: movement.currency.scale)) \(commodity)"
        }
        if movement.availableChange != .zero {
            line(
                "    \(account):available  \(amount(movement.availableChange))"
                    + " = \(amount(movement.available))")
        }
        if movement.lockedChange != .zero {
            line(
                "    \(account):locked  \(amount(movement.lockedChange))"
                    + " = \(amount(movement.locked))")
        }
        if movement.isPayment {
            line("    equity:outside  \(amount(.zero - movement.availableChange))")
        }
    }

    private mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(ASCII.newline)
    }
}

extension HledgerJournal: EffectVisitor {
    /// Declares what is registered.
    package mutating func registers(_ registration: Registration) {
        switch registration {
        case .user(_, let user): declare(user)
        case .currency(_, let currency):
            // The sample amount gives the number of decimals; the mark must stand in it.
            let decimals = String(repeating: "0", count: Int(currency.scale))
            let commodity = JournalNames.hledgerCommodity(currency.code)
            line("commodity 1000.\(decimals) \(commodity)  ; code:\(currency.code)")
        case .auction: break
        }
    }
}
