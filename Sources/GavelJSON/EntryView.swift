// What one entry says to one user: what a signed statement is about.
//
//     {"view":"gavel.view/v1","viewer":"bob","position":12,"time":"…","auction":"lot-1",
//      "currency":"USD","scale":2,
//      "facts":[{"fact":"lead_taken","user":"alice","price":34000},
//               {"fact":"refunded","amount":33333,"reason":"outbid"}]}
//
// Invariants: a view is a function of the entry, the viewer and the names of what the entry speaks
// of, so that anybody who has the entry can make it again. Of what the entry did to others it holds
// what anyone may see and nothing else: no maximum, no hold, no refund and no fee of another. The
// command id is not in it: of an entry that also concerns others it is what keeps the leaf hash
// from being guessed.

public import AuctionDomain
package import Gavel

/// What one entry says to one user.
public struct EntryView: Hashable, Sendable {
    /// The `view` field: what the fields mean. Another meaning gets another one.
    static let version = "gavel.view/v1"

    public let viewer: UserID
    public let position: UInt64
    /// When the entry's command was admitted.
    public let time: Timestamp
    /// The auction the entry is about.
    public let auction: AuctionID?
    /// What all amounts are in.
    public let currency: Currency?
    /// What the entry says: first the viewer's own command, then the events, in order.
    public let facts: [EntryFact]
}

/// One thing that an entry says. Fields that a fact has no use for are nil.
public struct EntryFact: Hashable, Sendable {
    /// What happened. The first nine are the viewer's own command, as it was sent.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case registerUser = "register_user"
        case charge, withdraw
        case openAuction = "open_auction"
        case placeBid = "place_bid"
        case buyNow = "buy_now"
        case closeAuction = "close_auction"
        case extendAuction = "extend_auction"
        case cancelAuction = "cancel_auction"
        /// The command was rejected: `reason` is the code.
        case rejected
        case userRegistered = "user_registered"
        case charged, withdrawn, locked, refunded
        /// The viewer won: `amount` is what she paid, `premium` what of it is above the price.
        case paid
        /// The viewer sold: `amount` is what he received, `fee` what of the price he did not.
        case received
        case auctionOpened = "auction_opened"
        case leadTaken = "lead_taken"
        case maximumRaised = "maximum_raised"
        case bidAbsorbed = "bid_absorbed"
        case boughtNow = "bought_now"
        case auctionExtended = "auction_extended"
        case auctionClosed = "auction_closed"
        case closeConfirmed = "close_confirmed"
        case auctionCancelled = "auction_cancelled"
    }

    public let kind: Kind
    /// Who leads, bid, bought or won.
    public var user: UserID?
    /// The viewer's own bid, maximum, payment, lock or refund; of an opening, the opening price.
    public var amount: Money?
    /// The viewer's whole hold on the auction afterwards.
    public var held: Money?
    /// The public price afterwards.
    public var price: Money?
    /// The reserve, of the viewer's own opening.
    public var reserve: Money?
    public var premium: Money?
    public var fee: Money?
    /// What a rejected command was measured against, where the code has such a number.
    public var limit: Money?
    /// A reason, an outcome, or the code of a rejection.
    public var reason: String?
    /// The payment's reference.
    public var reference: String?
    public var title: String?
    public var opensAt: Timestamp?
    public var closesAt: Timestamp?

    init(_ kind: Kind) { self.kind = kind }
}

// MARK: - JSON

extension EntryView {
    /// The view as one line of JSON, without the line end.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.field("view", Self.version)
            object.field("viewer", viewer)
            object.field("position", position)
            object.field("time", time)
            if let auction { object.field("auction", auction) }
            if let currency {
                object.field("currency", currency.code)
                object.field("scale", currency.scale)
            }
            object.name("facts")
            object.array { array in
                for fact in facts { array.fact(fact) }
            }
        }
        return writer.bytes
    }

    /// Reads the view of a statement that was checked.
    /// - Throws: `EvidenceError` with `malformed` where it is no view, or one of a later version;
    ///   with `notProven` where it is of another entry or viewer than the statement.
    package init(_ checked: CheckedStatement) throws(EvidenceError) {
        do {
            try self.init(parsing: checked.view)
        } catch {
            throw EvidenceError(.malformed, "the signed view cannot be read: \(error.reason)")
        }
        let statement = checked.statement
        guard viewer == statement.viewer, position == statement.position else {
            throw EvidenceError(
                .notProven,
                "the statement is about entry \(statement.position) for \(statement.viewer), its "
                    + "view about entry \(position) for \(viewer)")
        }
    }

    /// Reads a view.
    /// - Throws: `CommandError` saying what is wrong.
    public init(parsing bytes: [UInt8]) throws(CommandError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            throw CommandError(error.reason, column: error.column)
        }
        guard case .object(let members) = value else {
            throw CommandError("a view is an object")
        }
        let fields = try FieldReader(
            members, of: "a view",
            known: [
                "view", "viewer", "position", "time", "auction", "currency", "scale", "facts",
            ])
        let version = try fields.string("view")
        guard version == Self.version else {
            throw CommandError("view must be \"\(Self.version)\", not \(quoted(version))")
        }
        viewer = try fields.identifier("viewer", as: UserID.self)
        guard let position = UInt64(exactly: try fields.integer("position")) else {
            throw CommandError("position must not be negative")
        }
        self.position = position
        time = try fields.time("time")
        auction =
            fields.ifPresent("auction") == nil
            ? nil : try fields.identifier("auction", as: AuctionID.self)
        if fields.ifPresent("currency") == nil {
            currency = nil
        } else {
            let scale = UInt8(exactly: try fields.integer("scale"))
            guard let scale, scale <= Currency.scaleMax else {
                throw CommandError("scale must be 0 to \(Currency.scaleMax)")
            }
            currency = Currency(
                code: try fields.identifier("currency", as: CurrencyCode.self), scale: scale)
        }
        guard case .array(let values) = try fields.required("facts") else {
            throw CommandError("facts must be an array")
        }
        var facts: [EntryFact] = []
        for (index, value) in values.enumerated() {
            guard case .object(let members) = value else {
                throw CommandError("facts[\(index)] must be an object")
            }
            facts.append(try EntryFact(members, at: "facts[\(index)]"))
        }
        self.facts = facts
    }
}

extension JSONWriter {
    fileprivate mutating func fact(_ fact: EntryFact) {
        object { object in
            object.field("fact", fact.kind.rawValue)
            if let user = fact.user { object.field("user", user) }
            for (name, field) in EntryFact.amounts {
                if let amount = fact[keyPath: field] { object.field(name, amount) }
            }
            for (name, field) in EntryFact.texts {
                if let text = fact[keyPath: field] { object.field(name, text) }
            }
            for (name, field) in EntryFact.times {
                if let time = fact[keyPath: field] { object.field(name, time) }
            }
        }
    }
}

extension EntryFact {
    /// A field that only some facts have, by its name in JSON.
    fileprivate typealias Field<Value> = (
        name: String, path: any WritableKeyPath<EntryFact, Value?> & Sendable
    )

    // In the order in which they are written.
    fileprivate static let amounts: [Field<Money>] = [
        ("amount", \.amount), ("held", \.held), ("price", \.price), ("reserve", \.reserve),
        ("premium", \.premium), ("fee", \.fee), ("limit", \.limit),
    ]
    fileprivate static let texts: [Field<String>] = [
        ("reason", \.reason), ("reference", \.reference), ("title", \.title),
    ]
    fileprivate static let times: [Field<Timestamp>] = [
        ("opens_at", \.opensAt), ("closes_at", \.closesAt),
    ]
    private static let names =
        ["fact", "user"] + amounts.map(\.name) + texts.map(\.name) + times.map(\.name)

    fileprivate init(_ members: [JSONMember], at place: String) throws(CommandError) {
        let fields = try FieldReader(
            members, prefix: "\(place).", of: place, known: Self.names)
        let name = try fields.string("fact")
        guard let kind = Kind(rawValue: name) else {
            throw CommandError("\(place).fact is no fact that is known here: \(quoted(name))")
        }
        self.init(kind)
        if fields.ifPresent("user") != nil {
            user = try fields.identifier("user", as: UserID.self)
        }
        for (name, path) in Self.amounts { self[keyPath: path] = try fields.moneyIfPresent(name) }
        for (name, path) in Self.texts { self[keyPath: path] = try fields.stringIfPresent(name) }
        for (name, path) in Self.times { self[keyPath: path] = try fields.timeIfPresent(name) }
    }
}
