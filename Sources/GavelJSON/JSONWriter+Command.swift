// Commands as JSON: what `parseCommand` reads.
//
// Invariants: parsing what was written gives an equal command, id, actor and time; what equals
// its default is left out, so equal commands have equal texts.

public import AuctionDomain
public import Gavel

/// A command as one line of JSON, without the line end.
public func encodeCommand(
    _ command: Command, id: CommandID? = nil, by actor: LedgerActor? = nil,
    at time: Timestamp? = nil
) -> String {
    var writer = JSONWriter()
    writer.command(command, id: id, by: actor, at: time)
    return writer.text
}

extension JSONWriter {
    /// Writes a command as an object; the fields that are nil are left out.
    public mutating func command(
        _ command: Command, id: CommandID? = nil, by actor: LedgerActor? = nil,
        at time: Timestamp? = nil
    ) {
        object { object in
            object.fields(of: command)
            if let id { object.field("id", id.description) }
            if let actor {
                object.name("by")
                object.actor(actor)
            }
            if let time { object.field("at", time) }
        }
    }

    /// Writes the command of an entry, with names for its handles. Commands of the engine itself
    /// stand as `create_ledger`, `open_engine`, `close_due` and so on, which no caller can send.
    public mutating func command(_ command: CanonicalCommand, names: some Names) {
        object { $0.fields(of: command, names: names) }
    }

    /// Writes an entry as the line of a history: its command with `id`, `by` and `at`. What a
    /// caller once sent can be imported again; commands of the engine itself cannot.
    public mutating func history(of entry: LedgerEntry, names: some Names) {
        object { object in
            object.fields(of: entry.command, names: names)
            if let id = entry.commandID { object.field("id", id.description) }
            object.name("by")
            object.actor(of: entry, names: names)
            object.field("at", entry.time)
        }
    }

    // MARK: Actors

    /// Writes who stands behind a command: a user's name, `"operator"` or `"payment"`; a user
    /// whose name is one of these words stands as `{"user":"operator"}`.
    public mutating func actor(_ actor: LedgerActor) {
        switch actor {
        case .operator: value("operator")
        case .payment: value("payment")
        case .user(let user):
            if isRole(user.string) {
                object { $0.field("user", user) }
            } else {
                value(user.string)
            }
        }
    }

    /// Writes who stands behind an entry: as for a command, or `"system"`.
    public mutating func actor(of entry: LedgerEntry, names: some Names) {
        if let actor = LedgerActor(of: entry, names: names) {
            self.actor(actor)
        } else {
            value("system")
        }
    }

    // MARK: Fields

    private mutating func fields(of command: Command) {
        field("command", command.name)
        switch command {
        case .registerCurrency(let currency):
            field("currency", currency.code)
            field("scale", currency.scale)
        case .registerUser(let user):
            field("user", user)
        case .charge(let user, let currency, let amount, let reference),
            .withdraw(let user, let currency, let amount, let reference):
            field("user", user)
            field("currency", currency)
            field("amount", amount)
            field("reference", reference)
        case .openAuction(let opening):
            fields(of: opening)
        case .placeBid(let auction, let bidder, let amount):
            field("auction", auction)
            field("bidder", bidder)
            field("amount", amount)
        case .buyNow(let auction, let buyer):
            field("auction", auction)
            field("buyer", buyer)
        case .closeAuction(let auction, let hammer):
            field("auction", auction)
            if hammer { field("hammer", true) }
        case .extendAuction(let auction, let closesAt):
            field("auction", auction)
            field("closes_at", closesAt)
        case .cancelAuction(let auction, let reason):
            field("auction", auction)
            if !reason.isEmpty { field("reason", reason) }
        }
    }

    private mutating func fields(of opening: OpenAuction) {
        field("auction", opening.auction)
        if !opening.title.isEmpty { field("title", opening.title) }
        field("seller", opening.seller)
        field("currency", opening.currency)
        if let opensAt = opening.opensAt { field("opens_at", opensAt) }
        if let closesAt = opening.closesAt { field("closes_at", closesAt) }
        if opening.rules != AuctionRules() {
            name("rules")
            rules(opening.rules, isComplete: false)
        }
    }

    private mutating func fields(of command: CanonicalCommand, names: some Names) {
        if let callers = Command(command, names: names) {
            fields(of: callers)
            return
        }
        field("command", command.jsonName)
        switch command.engineAct {
        case .creates(let ledger):
            field("ledger", ledger.hexadecimal)
        case .opens(let epoch, let version):
            field("epoch", epoch)
            field("version", version)
        case .closes(let auction):
            field("auction", names.id(of: auction))
        case .extends(let auction, let since, let until):
            field("auction", names.id(of: auction))
            field("since", since)
            field("until", until)
        case .rotates(let rotation):
            field("key", rotation.key.hexadecimal)
            field("previous", rotation.previous.hexadecimal)
            field(
                "signature",
                rotation.signature.0.hexadecimal + rotation.signature.1.hexadecimal)
        case .restores(let restoration):
            field("ledger", restoration.ledger.hexadecimal)
            field("checkpoint_size", restoration.checkpointSize)
            field("checkpoint_root", restoration.checkpointRoot.hexadecimal)
        case nil: break
        }
    }
}

/// Whether a name is also a word for a role, so that a bare string in `by` would be the role.
func isRole(_ name: String) -> Bool {
    name == "operator" || name == "payment" || name == "system"
}

extension Command {
    /// The command a caller sent, with names for its handles; nil for the engine's own commands.
    public init?(_ canonical: CanonicalCommand, names: some Names) {
        switch canonical {
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage:
            return nil
        case .registerCurrency(let currency):
            self = .registerCurrency(currency)
        case .registerUser(let user):
            self = .registerUser(user)
        case .charge(let payment):
            self = .charge(
                user: names.id(of: payment.user),
                currency: names.currency(of: payment.currency).code,
                amount: payment.amount, reference: payment.reference)
        case .withdraw(let payment):
            self = .withdraw(
                user: names.id(of: payment.user),
                currency: names.currency(of: payment.currency).code,
                amount: payment.amount, reference: payment.reference)
        case .openAuction(let opening):
            self = .openAuction(OpenAuction(opening, names: names))
        case .placeBid(let auction, let bidder, let amount):
            self = .placeBid(
                auction: names.id(of: auction), bidder: names.id(of: bidder), amount: amount)
        case .buyNow(let auction, let buyer):
            self = .buyNow(auction: names.id(of: auction), buyer: names.id(of: buyer))
        case .closeAuction(let auction, let hammer):
            self = .closeAuction(names.id(of: auction), hammer: hammer)
        case .extendAuction(let auction, let closesAt):
            self = .extendAuction(names.id(of: auction), closesAt: closesAt)
        case .cancelAuction(let auction, let reason):
            self = .cancelAuction(names.id(of: auction), reason: reason)
        }
    }
}

extension OpenAuction {
    /// An opening with names for its handles.
    init(_ opening: CanonicalOpening, names: some Names) {
        self.init(
            auction: opening.auction, title: opening.title, seller: names.id(of: opening.seller),
            currency: names.currency(of: opening.currency).code, opensAt: opening.opensAt,
            closesAt: opening.closesAt, rules: opening.rules)
    }
}

extension LedgerActor {
    /// Who stands behind an entry; nil for the engine itself, and where there is no such person.
    public init?(of entry: LedgerEntry, names: some Names) {
        switch entry.actor {
        case .system: return nil
        case .operator: self = .operator
        case .payment: self = .payment
        case .user(let user): self = .user(names.id(of: user))
        case .registrant:
            // Any other command is none that she could have sent.
            guard case .registerUser(let registered) = entry.command else { return nil }
            self = .user(registered)
        }
    }
}
