// A ledger as a file for beancount: one transaction for each entry that moves money.
//
// Invariants: beancount knows days only, and a `balance` holds before the transactions of its day;
// so what a day's transactions come to is asserted on the day after, once for each wallet they
// moved, both halves, without any tolerance. Accounts are opened and commodities declared on the
// day they are registered; everything is ASCII.

import AuctionDomain
public import Gavel

/// Collects the text of a file.
///
///     Assets:U<user>:Available, Assets:U<user>:Locked    what a wallet holds
///     Equity:Outside                                     where charges come from
///
/// Keep one, give it all entries from the first one on, call `removeAll()` between them and `end()`
/// after the last one: it remembers the currencies, and the wallets that the current day has moved.
public struct BeancountJournal: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    private var commodities: [CurrencyCode: String] = [:]
    private var day: Int64 = 0
    /// The last movement of the day for each wallet and currency.
    private var moved: [AccountKey: Movement] = [:]

    public init() {}

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Writes what stands before the first entry.
    /// - Parameter comment: one line that says where the file comes from.
    public mutating func begin(_ comment: String) { line("; \(comment)") }

    /// Writes the next entry: what it registers is declared, and its movements become a
    /// transaction.
    public mutating func entry(
        _ entry: LedgerEntry, _ movements: [Movement], names: some Names
    ) {
        if entry.time.day != day {
            assertBalances(names: names)
            day = entry.time.day
        }
        let date = Timestamp.date(ofDay: day)
        for event in entry.outcome.events { visit(event) }
        guard let first = movements.first else { return }
        line("")
        line("\(date) * \"\(entry.command.jsonName)\"")
        line("  position: \(entry.position)")
        line("  time: \"\(entry.time.rfc3339)\"")
        if let id = entry.commandID { line("  id: \"\(id)\"") }
        if let auction = first.auction { line("  auction: \"\(names.id(of: auction))\"") }
        if let reference = first.reference {
            line("  reference: \(JournalNames.beancountString(reference))")
        }
        for movement in movements {
            post(movement, names: names)
            moved[AccountKey(user: movement.user, currency: movement.currency.code)] = movement
        }
    }

    /// Writes the assertions of the last day.
    public mutating func end(names: some Names) { assertBalances(names: names) }

    private mutating func open(_ user: UserID, on date: String) {
        let account = JournalNames.account(of: user)
        for half in ["Available", "Locked"] {
            line("\(date) open Assets:\(account):\(half)")
            line("  user: \"\(user)\"")
        }
    }

    private mutating func post(_ movement: Movement, names: some Names) {
        let account = "Assets:" + JournalNames.account(of: names.id(of: movement.user))
        let commodity = commodity(of: movement)
        func post(_ account: String, _ money: Money) {
            guard money != .zero else { return }
            let amount = money.decimal(scale: movement.currency.scale)
            line("  \(account)  \(amount) \(commodity)")
        }
        post("\(account):Available", movement.availableChange)
        post("\(account):Locked", movement.lockedChange)
        if movement.isPayment { post("Equity:Outside", .zero - movement.availableChange) }
    }

    private mutating func assertBalances(names: some Names) {
        guard !moved.isEmpty else { return }
        let date = Timestamp.date(ofDay: day + 1)
        line("")
        let sorted = moved.sorted { left, right in
            (left.key.user, left.key.currency) < (right.key.user, right.key.currency)
        }
        for (key, movement) in sorted {
            let account = "Assets:" + JournalNames.account(of: names.id(of: key.user))
            let commodity = commodity(of: movement)
            for (half, balance) in [("Available", movement.available), ("Locked", movement.locked)]
            {
                let amount = balance.decimal(scale: movement.currency.scale)
                line("\(date) balance \(account):\(half)  \(amount) ~ 0 \(commodity)")
            }
        }
        moved.removeAll(keepingCapacity: true)
    }

    private func commodity(of movement: Movement) -> String {
        guard let commodity = commodities[movement.currency.code] else {
            preconditionFailure("a journal is written from the first entry on")
        }
        return commodity
    }

    private mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(ASCII.newline)
    }
}

extension BeancountJournal: EffectVisitor {
    /// Opens and declares what is registered.
    package mutating func registers(_ registration: Registration) {
        let date = Timestamp.date(ofDay: day)
        switch registration {
        case .user(let handle, let user):
            // The house is there from the first entry on, and so is what lies outside of it.
            if handle == .house { line("\(date) open Equity:Outside") }
            open(user, on: date)
        case .currency(let handle, let currency):
            let commodity = JournalNames.beancountCommodity(currency.code, registeredAs: handle)
            commodities[currency.code] = commodity
            line("\(date) commodity \(commodity)")
            line("  code: \"\(currency.code)\"")
        case .auction: break
        }
    }
}
