// What the handles of an entry stand for, out of the entries that registered them: enough to read
// one entry without the log around it.
//
// Invariant: a name is only given when a registering entry, or the format itself (user 0 is the
// house), says it.

package import AuctionDomain
internal import Platform

/// The handles that an entry names.
struct EntryHandles: EffectVisitor {
    var users: Set<UserHandle> = []
    var auctions: Set<AuctionHandle> = []
    var currencies: Set<CurrencyHandle> = []

    init() {}

    /// The handles of an entry itself, those included that it registers. Those behind an auction
    /// (its seller, its currency) are in the entry that opened it.
    init(of entry: LedgerEntry) {
        if case .user(let user) = entry.actor { users.insert(user) }
        visit(entry.command, entry.outcome.events)
        users.remove(.house)
    }

    mutating func concerns(_ chain: EntryLink.Chain) {
        switch chain {
        case .auction(let auction): auctions.insert(auction)
        case .wallet(let user): users.insert(user)
        }
    }

    mutating func names(_ handle: NamedHandle) {
        switch handle {
        case .user(let user): users.insert(user)
        case .auction(let auction): auctions.insert(auction)
        case .currency(let currency): currencies.insert(currency)
        }
    }

    var isEmpty: Bool { users.isEmpty && auctions.isEmpty && currencies.isEmpty }

    /// What is missing in words: "user 3, auction 0".
    var words: String {
        let all =
            users.sorted().map { "user \($0.rawValue)" }
            + auctions.sorted().map { "auction \($0.rawValue)" }
            + currencies.map(\.rawValue).sorted().map { "currency \($0)" }
        return all.joined(separator: ", ")
    }
}

/// Names out of registering entries.
package struct EvidenceNames: Names, Sendable {
    private var users: [UserHandle: UserID] = [.house: .house]
    private var currencies: [CurrencyHandle: Currency] = [:]
    private var auctions: [AuctionHandle: CanonicalOpening] = [:]

    /// No names: every handle shows as its number.
    package init() {}

    /// Takes up what an entry registers, if it registers something.
    /// - Throws: `EvidenceError.notProven` when the handle has another name already: no log may
    ///   give one twice.
    mutating func take(_ entry: LedgerEntry) throws(EvidenceError) {
        var taker = NameTaker(names: self)
        // So that there is one of it, and nothing is copied.
        self = EvidenceNames()
        for event in entry.outcome.events { taker.visit(event) }
        self = taker.names
        guard !taker.hasSecond else {
            throw EvidenceError(
                .notProven,
                "the entry at position \(entry.position) registers a handle a second time")
        }
    }

    private struct NameTaker: EffectVisitor {
        var names: EvidenceNames
        var hasSecond = false

        mutating func registers(_ registration: Registration) {
            let isNew =
                switch registration {
                // The format gives the house its name, and the first entry does so again.
                case .user(.house, .house): true
                case .user(let user, let id): names.users.insert(id, for: user)
                case .currency(let handle, let currency):
                    names.currencies.insert(currency, for: handle)
                case .auction(let auction, let opening):
                    names.auctions.insert(opening, for: auction)
                }
            if !isNew { hasSecond = true }
        }
    }

    /// What an entry names, with the sellers and currencies of its auctions, and is not known yet.
    func missing(for entry: LedgerEntry) -> EntryHandles {
        var handles = EntryHandles(of: entry)
        for auction in handles.auctions {
            guard let opening = auctions[auction] else { continue }
            handles.users.insert(opening.seller)
            handles.currencies.insert(opening.currency)
        }
        // What the entry registers itself needs no other to name it.
        handles.users.subtract(users.keys)
        handles.auctions.subtract(auctions.keys)
        handles.currencies.subtract(currencies.keys)
        return handles
    }

    // A handle that nobody registered shows as its number: only `missing` may decide what to do.

    package func id(of user: UserHandle) -> UserID {
        users[user] ?? UserID(unchecked: "user:\(user.rawValue)")
    }
    package func id(of auction: AuctionHandle) -> AuctionID {
        auctions[auction]?.auction ?? AuctionID(unchecked: "auction:\(auction.rawValue)")
    }
    package func currency(of currency: CurrencyHandle) -> Currency {
        if let known = currencies[currency] { return known }
        let name = currency == .none ? "minor units" : "currency:\(currency.rawValue)"
        return Currency(code: CurrencyCode(unchecked: name), scale: 0)
    }
    package func currency(of auction: AuctionHandle) -> Currency {
        currency(of: auctions[auction]?.currency ?? .none)
    }
}

extension Dictionary {
    /// - Returns: false where another value stands there already.
    fileprivate mutating func insert(_ value: Value, for key: Key) -> Bool {
        guard self[key] == nil else { return false }
        self[key] = value
        return true
    }
}

extension EvidenceNames {
    /// Finds the entries of a log that give an entry's handles their names.
    /// - Returns: their bytes by position, in order; each is held against its hash.
    /// - Throws: `EvidenceError.incomplete` when the log registers one of them nowhere.
    /// - Complexity: O(entries up to the last registration), twice for an entry about an auction;
    ///   only the registrations found are hashed.
    static func registrations(
        for entry: LedgerEntry, in entries: CheckedEntries
    ) throws -> [(position: UInt64, bytes: [UInt8])] {
        var names = EvidenceNames()
        try names.take(entry)
        var found: [(position: UInt64, bytes: [UInt8])] = []
        // The second time for what the opening of the auction names in its turn.
        for _ in 0..<2 {
            let missing = names.missing(for: entry)
            if missing.isEmpty { break }
            let places = try entries.positions(registering: missing, before: entry.position)
            for position in places {
                try entries.forEach(in: position..<position + 1) { value, range, _ in
                    var registration = DecodedEntry()
                    try registration.decode(value, in: range)
                    found.append((position, value.extracting(range).array()))
                    try names.take(registration.entry)
                    return true
                }
            }
        }
        let missing = names.missing(for: entry)
        guard missing.isEmpty else {
            throw EvidenceError(.incomplete, "the log does not register \(missing.words)")
        }
        return found.sorted { $0.position < $1.position }
    }
}

/// Handles out of which those are taken that entries register.
private struct MissingHandles: EffectVisitor {
    var handles: EntryHandles
    /// Whether one was taken out.
    var hasFound = false

    mutating func registers(_ registration: Registration) {
        let isOne =
            switch registration {
            case .user(let user, _): handles.users.remove(user) != nil
            case .currency(let currency, _): handles.currencies.remove(currency) != nil
            case .auction(let auction, _): handles.auctions.remove(auction) != nil
            }
        if isOne { hasFound = true }
    }
}

extension CheckedEntries {
    /// Where the log, before a position, registers what some handles stand for. The entries that
    /// are passed over are not hashed, so a damaged log may lack one here; whoever reads those
    /// found has them checked.
    fileprivate func positions(
        registering handles: EntryHandles, before end: UInt64
    ) throws -> [UInt64] {
        var missing = MissingHandles(handles: handles)
        var found: [UInt64] = []
        let kinds: [EntryKind] = [.registerCurrency, .registerUser, .openAuction]
        try forEachUnhashed(of: kinds, before: end) { entry in
            missing.hasFound = false
            for event in entry.outcome.events { missing.visit(event) }
            if missing.hasFound { found.append(entry.position) }
            return !missing.handles.isEmpty
        }
        return found
    }
}
