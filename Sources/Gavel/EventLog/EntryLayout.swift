// The layout of an entry: the leaves of the Merkle tree, defined field by field in the article
// LogFormat and held to it by golden vectors and an independent decoder. EntryEncoding writes it,
// EntryDecoding reads it.
//
//      0  u8   kind                16  i64  time, ns since 1970
//      1  u8   flags               24  16 B command id, big endian as RFC 9562 writes it
//      2  u16  command bytes       40  command, then outcome, then links
//      4  u32  actor
//      8  u64  position            all integers little endian; a salt, where there is one, is the
//                                  last 8 bytes
//
// Invariants: equal entries have equal bytes; whatever a decoder does not know (kind, flag,
// event, a byte left over) is refused, never skipped; decoding never traps.

internal import AuctionDomain

/// What the first byte of an entry says. NUMBERS ARE THE STORAGE FORMAT.
enum EntryKind: UInt8 {
    case createLedger = 1
    case openEngine = 2
    case closeDue = 3
    case rotateKey = 4
    case restoreLedger = 5
    case extendOutage = 6
    case registerCurrency = 16
    case registerUser = 17
    case charge = 18
    case withdraw = 19
    case openAuction = 20
    case placeBid = 21
    case closeAuction = 22
    case extendAuction = 23
    case cancelAuction = 24
    case buyNow = 25
}

/// What the first byte of an event says. NUMBERS ARE THE STORAGE FORMAT.
enum EventTag: UInt8 {
    case ledgerCreated = 1
    case engineOpened = 2
    case currencyRegistered = 3
    case userRegistered = 4
    case charged = 5
    case withdrawn = 6
    case locked = 7
    case refunded = 8
    case settled = 9
    case auctionOpened = 10
    case leadTaken = 11
    case maximumRaised = 12
    case bidAbsorbed = 13
    case auctionExtended = 14
    case auctionClosed = 15
    case closeConfirmed = 16
    case auctionCancelled = 17
    case boughtNow = 18
    case keyRotated = 19
    case ledgerRestored = 20
}

/// Names of offsets and flags.
enum EntryLayout {
    static let headerBytes = 40
    static let rejectedFlag: UInt8 = 1
    /// Links are 8 bytes each, because one of them reaches back 2³² entries or more.
    static let wideLinksFlag: UInt8 = 2
    /// 8 bytes without a meaning stand after the links, so that nobody can guess the entry.
    static let saltFlag: UInt8 = 4
    static let knownFlags = rejectedFlag | wideLinksFlag | saltFlag
    static let saltBytes = 8

    @inline(__always)
    static func flags(isRejected: Bool, isWide: Bool, isSalted: Bool) -> UInt8 {
        (isRejected ? rejectedFlag : 0) | (isWide ? wideLinksFlag : 0) | (isSalted ? saltFlag : 0)
    }

    static let actorOperator: UInt32 = 0xFFFF_FFFE
    static let actorPayment: UInt32 = 0xFFFF_FFFD
    static let actorSystem: UInt32 = 0xFFFF_FFFC
    /// Users' handles stay below this.
    static let actorSpecial: UInt32 = 0xFFFF_FFF0
}

/// Where an accepted bid's fields lie, counted from the entry's first byte.
enum BidLayout {
    static let commandBytes = 16
    static let auction = EntryLayout.headerBytes
    static let bidder = auction + 4
    static let maximum = bidder + 4
    static let eventCount = maximum + 8
    static let firstEvent = eventCount + 2
    /// Tag and price.
    static let priceEventBytes = 9
    static let refundedBytes = 14
    static let lockedBytes = 21
    static let extendedBytes = 10
    /// An absorbed bid without links: less is no accepted bid.
    static let bytesMin = firstEvent + priceEventBytes + 1
}

/// Where a payment's fields lie, counted from the entry's first byte.
enum PaymentLayout {
    static let user = EntryLayout.headerBytes
    static let currency = user + 4
    static let amount = currency + 2
    static let reference = amount + 8
}

extension AcceptedBid.Kind {
    var tag: EventTag {
        switch self {
        case .leadTaken: .leadTaken
        case .maximumRaised: .maximumRaised
        case .bidAbsorbed: .bidAbsorbed
        }
    }

    init?(tag: UInt8) {
        switch tag {
        case EventTag.leadTaken.rawValue: self = .leadTaken
        case EventTag.maximumRaised.rawValue: self = .maximumRaised
        case EventTag.bidAbsorbed.rawValue: self = .bidAbsorbed
        default: return nil
        }
    }
}

extension CanonicalActor {
    /// The actor field. Whoever registers herself is `UserHandle.none`, 0xFFFF_FFFF.
    var encoded: UInt32 {
        switch self {
        case .user(let user): user.rawValue
        case .registrant: UserHandle.none.rawValue
        case .operator: EntryLayout.actorOperator
        case .payment: EntryLayout.actorPayment
        case .system: EntryLayout.actorSystem
        }
    }

    init(encoded: UInt32) throws(LogFault) {
        switch encoded {
        case EntryLayout.actorOperator: self = .operator
        case EntryLayout.actorPayment: self = .payment
        case EntryLayout.actorSystem: self = .system
        case UserHandle.none.rawValue: self = .registrant
        case 0..<EntryLayout.actorSpecial:
            self = .user(UserHandle(rawValue: encoded))
        default: throw LogFault("unknown actor \(encoded)")
        }
    }
}

extension CanonicalCommand {
    var entryKind: EntryKind {
        switch self {
        case .createLedger: .createLedger
        case .openEngine: .openEngine
        case .closeDue: .closeDue
        case .rotateKey: .rotateKey
        case .restoreLedger: .restoreLedger
        case .extendOutage: .extendOutage
        case .registerCurrency: .registerCurrency
        case .registerUser: .registerUser
        case .charge: .charge
        case .withdraw: .withdraw
        case .openAuction: .openAuction
        case .placeBid: .placeBid
        case .buyNow: .buyNow
        case .closeAuction: .closeAuction
        case .extendAuction: .extendAuction
        case .cancelAuction: .cancelAuction
        }
    }
}

extension Event {
    var tag: EventTag {
        switch self {
        case .ledgerCreated: .ledgerCreated
        case .engineOpened: .engineOpened
        case .keyRotated: .keyRotated
        case .ledgerRestored: .ledgerRestored
        case .currencyRegistered: .currencyRegistered
        case .userRegistered: .userRegistered
        case .charged: .charged
        case .withdrawn: .withdrawn
        case .locked: .locked
        case .refunded: .refunded
        case .settled: .settled
        case .auctionOpened: .auctionOpened
        case .leadTaken: .leadTaken
        case .maximumRaised: .maximumRaised
        case .bidAbsorbed: .bidAbsorbed
        case .auctionExtended: .auctionExtended
        case .auctionClosed: .auctionClosed
        case .closeConfirmed: .closeConfirmed
        case .auctionCancelled: .auctionCancelled
        case .boughtNow: .boughtNow
        }
    }
}
