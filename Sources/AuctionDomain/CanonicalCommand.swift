// A command as the log stores it: existing names replaced by their handles, so that equal
// commands have equal bytes. System commands, which no caller can send, stand here too.
//
// Invariant: resolving the same command twice gives the same value, before and after it took
// effect; therefore a registering command holds its name and never the handle it was given.

/// Who stands behind an entry.
public enum CanonicalActor: Hashable, Sendable {
    case user(UserHandle)
    /// The person whom the command registers: she has no handle yet.
    case registrant
    case `operator`
    case payment
    /// The engine itself: creation, opening, automatic closings, ends that an outage moves.
    case system
}

/// A payment into or out of a wallet.
public struct Payment: Hashable, Sendable {
    public let user: UserHandle
    public let currency: CurrencyHandle
    public let amount: Money
    public let reference: PaymentReference

    public init(
        user: UserHandle, currency: CurrencyHandle, amount: Money, reference: PaymentReference
    ) {
        self.user = user
        self.currency = currency
        self.amount = amount
        self.reference = reference
    }
}

/// `OpenAuction` with handles.
public struct CanonicalOpening: Hashable, Sendable {
    public let auction: AuctionID
    public let title: String
    public let seller: UserHandle
    public let currency: CurrencyHandle
    public let opensAt: Timestamp?
    public let closesAt: Timestamp?
    public let rules: AuctionRules

    public init(
        auction: AuctionID, title: String, seller: UserHandle, currency: CurrencyHandle,
        opensAt: Timestamp?, closesAt: Timestamp?, rules: AuctionRules
    ) {
        self.auction = auction
        self.title = title
        self.seller = seller
        self.currency = currency
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.rules = rules
    }
}

/// What an entry's command bytes say.
public enum CanonicalCommand: Hashable, Sendable {
    // System commands.
    case createLedger(LedgerID)
    /// `version` is the engine's own, for whoever reads the log later.
    case openEngine(epoch: UInt32, version: String)
    /// The end of an auction has come.
    case closeDue(AuctionHandle)
    indirect case rotateKey(KeyRotation)
    indirect case restoreLedger(Restoration)
    /// Moves an end that came while the house could not be reached.
    case extendOutage(auction: AuctionHandle, since: Timestamp, until: Timestamp)

    // Callers' commands.
    case registerCurrency(Currency)
    case registerUser(UserID)
    case charge(Payment)
    case withdraw(Payment)
    indirect case openAuction(CanonicalOpening)
    case placeBid(auction: AuctionHandle, bidder: UserHandle, amount: Money)
    case buyNow(auction: AuctionHandle, buyer: UserHandle)
    case closeAuction(AuctionHandle, hammer: Bool)
    case extendAuction(AuctionHandle, closesAt: Timestamp)
    case cancelAuction(AuctionHandle, reason: String)

    /// The command's name in JSON, CSV and tables; equal to `Command.name` where a caller can send
    /// it.
    public var name: String {
        switch self {
        case .createLedger: "create_ledger"
        case .openEngine: "open_engine"
        case .closeDue: "close_due"
        case .rotateKey: "rotate_key"
        case .restoreLedger: "restore_ledger"
        case .extendOutage: "extend_outage"
        case .registerCurrency: Command.Kind.registerCurrency.rawValue
        case .registerUser: Command.Kind.registerUser.rawValue
        case .charge: Command.Kind.charge.rawValue
        case .withdraw: Command.Kind.withdraw.rawValue
        case .openAuction: Command.Kind.openAuction.rawValue
        case .placeBid: Command.Kind.placeBid.rawValue
        case .buyNow: Command.Kind.buyNow.rawValue
        case .closeAuction: Command.Kind.closeAuction.rawValue
        case .extendAuction: Command.Kind.extendAuction.rawValue
        case .cancelAuction: Command.Kind.cancelAuction.rawValue
        }
    }

    /// The one auction the entry is about, if it is about one that exists already.
    @inlinable public var auction: AuctionHandle? {
        switch self {
        case .placeBid(let auction, _, _), .buyNow(let auction, _), .closeAuction(let auction, _),
            .closeDue(let auction), .extendAuction(let auction, _), .cancelAuction(let auction, _),
            .extendOutage(let auction, _, _):
            auction
        case .createLedger, .openEngine, .rotateKey, .restoreLedger, .registerCurrency,
            .registerUser, .charge, .withdraw, .openAuction:
            nil
        }
    }

    /// The user the command speaks for, if she exists already.
    @inlinable public var user: UserHandle? {
        switch self {
        case .placeBid(_, let bidder, _): bidder
        case .buyNow(_, let buyer): buyer
        case .charge(let payment), .withdraw(let payment): payment.user
        case .openAuction(let opening): opening.seller
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage,
            .registerCurrency, .registerUser, .closeAuction, .extendAuction, .cancelAuction:
            nil
        }
    }

    /// The currency the command names; that of an auction which exists already is in its opening.
    @inlinable package var currency: CurrencyHandle? {
        switch self {
        case .charge(let payment), .withdraw(let payment): payment.currency
        case .openAuction(let opening): opening.currency
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage,
            .registerCurrency, .registerUser, .placeBid, .buyNow, .closeAuction, .extendAuction,
            .cancelAuction:
            nil
        }
    }
}

// MARK: - Sides of a command

// What a command is to those who ask about one side of it, each said once: a new command has a line
// in each of these, and nobody who asks through them changes.

/// What the engine does by itself: the commands that no caller can send.
@usableFromInline
package enum EngineAct: Hashable, Sendable {
    case creates(LedgerID)
    case opens(epoch: UInt32, version: String)
    /// Its end has come.
    case closes(AuctionHandle)
    case rotates(KeyRotation)
    case restores(Restoration)
    /// Its end came while the house could not be reached.
    case extends(AuctionHandle, since: Timestamp, until: Timestamp)
}

extension CanonicalCommand {
    /// What the engine does by it; nil where a caller sent it.
    @inlinable package var engineAct: EngineAct? {
        switch self {
        case .createLedger(let id): .creates(id)
        case .openEngine(let epoch, let version): .opens(epoch: epoch, version: version)
        case .closeDue(let auction): .closes(auction)
        case .rotateKey(let rotation): .rotates(rotation)
        case .restoreLedger(let restoration): .restores(restoration)
        case .extendOutage(let auction, let since, let until):
            .extends(auction, since: since, until: until)
        case .registerCurrency, .registerUser, .charge, .withdraw, .openAuction, .placeBid,
            .buyNow, .closeAuction, .extendAuction, .cancelAuction:
            nil
        }
    }

    /// A bid or a purchase: on what, whose, and how much is bid; a purchase names no amount.
    @inlinable package var bid: (auction: AuctionHandle, bidder: UserHandle, amount: Money?)? {
        switch self {
        case .placeBid(let auction, let bidder, let amount): (auction, bidder, amount)
        case .buyNow(let auction, let buyer): (auction, buyer, nil)
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage,
            .registerCurrency, .registerUser, .charge, .withdraw, .openAuction, .closeAuction,
            .extendAuction, .cancelAuction:
            nil
        }
    }

    /// A payment into or out of a wallet.
    @inlinable package var payment: Payment? {
        switch self {
        case .charge(let payment), .withdraw(let payment): payment
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage,
            .registerCurrency, .registerUser, .openAuction, .placeBid, .buyNow, .closeAuction,
            .extendAuction, .cancelAuction:
            nil
        }
    }

    /// Whether it opens an auction.
    package var isOpening: Bool { if case .openAuction = self { true } else { false } }

    /// What is asked of the auction as it stands at that time: where its end has come, it is closed
    /// before the command is decided.
    @inlinable package var auctionAskedAtItsTime: AuctionHandle? {
        switch self {
        case .placeBid(let auction, _, _), .buyNow(let auction, _), .closeAuction(let auction, _):
            auction
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage,
            .registerCurrency, .registerUser, .charge, .withdraw, .openAuction, .extendAuction,
            .cancelAuction:
            nil
        }
    }
}
