// What the handles of an entry stand for, out of the entries that registered them: enough to read
// one entry without the log around it.
//
// Invariant: a name is only given when a registering entry, or the format itself (user 0 is the
// house), says it.

public import AuctionDomain
internal import Platform

/// The handles that an entry names.
struct EntryHandles {
    var users: Set<UserHandle> = []
    var auctions: Set<AuctionHandle> = []
    var currencies: Set<CurrencyHandle> = []

    init() {}

    /// The handles of an entry itself. Those behind an auction (its seller, its currency) are in
    /// the entry that opened it.
    init(of entry: LedgerEntry) {
        if case .user(let user) = entry.actor { users.insert(user) }
        if let user = entry.command.user { users.insert(user) }
        if let auction = entry.command.auction { auctions.insert(auction) }
        switch entry.command {
        case .charge(let payment), .withdraw(let payment): currencies.insert(payment.currency)
        case .openAuction(let opening): currencies.insert(opening.currency)
        default: break
        }
        for event in entry.outcome.events {
            switch event {
            case .refunded(_, let user, _, _), .locked(_, let user, _, _): users.insert(user)
            case .settled(_, let winner, let seller, _, _): users.formUnion([winner, seller])
            case .auctionClosed(_, _, let winner?, _): users.insert(winner)
            default: break
            }
        }
        users.remove(.house)
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
public struct EvidenceNames: Names, Sendable {
    private var users: [UserHandle: UserID] = [.house: .house]
    private var currencies: [CurrencyHandle: Currency] = [:]
    private var auctions: [AuctionHandle: CanonicalOpening] = [:]

    /// No names: every handle shows as its number.
    package init() {}

    /// Takes up what an entry registers, if it registers something.
    /// - Throws: `EvidenceError.notProven` when the handle has another name already: no log may
    ///   give one twice.
    mutating func take(_ entry: LedgerEntry) throws(EvidenceError) {
        for event in entry.outcome.events {
            let isNew =
                switch event {
                case .userRegistered(let user, let id): users.insert(id, for: user)
                case .currencyRegistered(let handle, let currency):
                    currencies.insert(currency, for: handle)
                case .auctionOpened(let auction, let opening, _):
                    auctions.insert(opening, for: auction)
                default: true
                }
            guard isNew else {
                throw EvidenceError(
                    .notProven,
                    "the entry at position \(entry.position) registers a handle a second time")
            }
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

    public func id(of user: UserHandle) -> UserID {
        users[user] ?? UserID(unchecked: "user:\(user.rawValue)")
    }
    public func id(of auction: AuctionHandle) -> AuctionID {
        auctions[auction]?.auction ?? AuctionID(unchecked: "auction:\(auction.rawValue)")
    }
    public func currency(of currency: CurrencyHandle) -> Currency {
        if let known = currencies[currency] { return known }
        let name = currency == .none ? "minor units" : "currency:\(currency.rawValue)"
        return Currency(code: CurrencyCode(unchecked: name), scale: 0)
    }
    public func currency(of auction: AuctionHandle) -> Currency {
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

extension EntryHandles {
    /// Takes away what an entry registers.
    /// - Returns: whether that was one of these.
    fileprivate mutating func remove(registeredBy entry: LedgerEntry) -> Bool {
        var isOne = false
        for event in entry.outcome.events {
            switch event {
            case .userRegistered(let user, _): isOne = users.remove(user) != nil || isOne
            case .currencyRegistered(let currency, _):
                isOne = currencies.remove(currency) != nil || isOne
            case .auctionOpened(let auction, _, _): isOne = auctions.remove(auction) != nil || isOne
            case .ledgerCreated, .engineOpened, .charged, .withdrawn, .locked, .refunded, .settled,
                .leadTaken, .maximumRaised, .bidAbsorbed, .auctionExtended, .auctionClosed,
                .closeConfirmed, .auctionCancelled, .boughtNow, .keyRotated, .ledgerRestored:
                break
            }
        }
        return isOne
    }
}

extension CheckedEntries {
    /// Where the log, before a position, registers what some handles stand for. The entries that
    /// are passed over are not hashed, so a damaged log may lack one here; whoever reads those
    /// found has them checked.
    fileprivate func positions(
        registering handles: EntryHandles, before end: UInt64
    ) throws -> [UInt64] {
        var (missing, found) = (handles, [UInt64]())
        let kinds: [EntryKind] = [.registerCurrency, .registerUser, .openAuction]
        try forEachUnhashed(of: kinds, before: end) { entry in
            if missing.remove(registeredBy: entry) { found.append(entry.position) }
            return !missing.isEmpty
        }
        return found
    }
}
