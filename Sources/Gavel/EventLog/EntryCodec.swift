// The bytes of an entry: the leaves of the Merkle tree, defined field by field in the article
// LogFormat and held to it by golden vectors and an independent decoder.
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

package import AuctionDomain
internal import Platform

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

// MARK: - Encoding

extension ByteBuffer {
    /// Appends an entry.
    /// - Precondition: the command passed `validate`, so the entry is not longer than
    ///   `Limits.entryBytesMax`.
    /// - Parameters:
    ///   - rejection: nil when accepted; then `events` holds what happened.
    ///   - salt: what `SaltSource` gives for the entry.
    mutating func appendEntry(
        _ command: CanonicalCommand, id: CommandID, actor: CanonicalActor, at point: EntryPoint,
        rejection: Rejection?, events: EventList, links: ContiguousArray<EntryLink>, salt: UInt64?
    ) {
        let start = count
        let wide = links.contains { $0.reach(from: point.position) > UInt64(UInt32.max) }
        let flags = EntryLayout.flags(
            isRejected: rejection != nil, isWide: wide, isSalted: salt != nil)
        appendHeader(command.entryKind, flags, commandBytes: 0, id, actor, point)
        appendCommand(command)
        store(UInt16(count - start - EntryLayout.headerBytes), at: start + 2)
        if let rejection {
            append(rejection.code.rawValue)
            append(rejection.limit.minorUnits)
        } else {
            append(UInt16(events.count))
            for event in events { appendEvent(event) }
        }
        append(UInt8(links.count))
        for link in links { appendReach(link.reach(from: point.position), wide: wide) }
        if let salt { append(salt) }
        precondition(count - start <= Limits.entryBytesMax, "an entry has at most 65,535 bytes")
    }

    /// Appends the entry of an accepted bid: the same bytes as `appendEntry` of its events.
    mutating func appendEntry(
        _ bid: AcceptedBid, id: CommandID, actor: CanonicalActor, at point: EntryPoint,
        links: BidLinks, salt: UInt64?
    ) {
        let reaches = (
            EntryLink.reach(of: links.auction, from: point.position),
            EntryLink.reach(of: links.bidder, from: point.position),
            links.refunded.map { EntryLink.reach(of: $0, from: point.position) } ?? 0
        )
        let wide = max(reaches.0, reaches.1, reaches.2) > UInt64(UInt32.max)
        let flags = EntryLayout.flags(isRejected: false, isWide: wide, isSalted: salt != nil)
        appendHeader(
            .placeBid, flags, commandBytes: UInt16(BidLayout.commandBytes), id, actor, point)
        append(bid.auction.rawValue)
        append(bid.bidder.rawValue)
        append(bid.maximum.minorUnits)
        append(UInt16(bid.eventCount))
        append(bid.kind.tag.rawValue)
        append(bid.price.minorUnits)
        if bid.refunded != .none {
            append(EventTag.refunded.rawValue)
            append(bid.refunded.rawValue)
            append(bid.refund.minorUnits)
            append(RefundReason.outbid.rawValue)
        }
        if bid.kind != .bidAbsorbed {
            append(EventTag.locked.rawValue)
            append(bid.bidder.rawValue)
            append(bid.locked.minorUnits)
            append(bid.held.minorUnits)
        }
        if let closesAt = bid.closesAt {
            append(EventTag.auctionExtended.rawValue)
            append(closesAt.nanoseconds)
            append(bid.extensionReason.rawValue)
        }
        append(UInt8(links.refunded == nil ? 2 : 3))
        appendReach(reaches.0, wide: wide)
        appendReach(reaches.1, wide: wide)
        if links.refunded != nil { appendReach(reaches.2, wide: wide) }
        if let salt { append(salt) }
    }

    @inline(__always)
    private mutating func appendHeader(
        _ kind: EntryKind, _ flags: UInt8, commandBytes: UInt16, _ id: CommandID,
        _ actor: CanonicalActor, _ point: EntryPoint
    ) {
        append(kind.rawValue)
        append(flags)
        append(commandBytes)
        append(actor.encoded)
        append(point.position)
        append(point.time.nanoseconds)
        append(id.high.byteSwapped)
        append(id.low.byteSwapped)
    }

    @inline(__always)
    private mutating func appendReach(_ reach: UInt64, wide: Bool) {
        if wide { append(reach) } else { append(UInt32(truncatingIfNeeded: reach)) }
    }

    /// Appends a command's canonical bytes: what makes two commands the same.
    mutating func appendCommand(_ command: CanonicalCommand) {
        switch command {
        case .placeBid(let auction, let bidder, let amount):
            append(auction.rawValue)
            append(bidder.rawValue)
            append(amount.minorUnits)
        case .buyNow(let auction, let buyer):
            append(auction.rawValue)
            append(buyer.rawValue)
        case .closeAuction(let auction, let hammer):
            append(auction.rawValue)
            append(UInt8(hammer ? 1 : 0))
        case .closeDue(let auction):
            append(auction.rawValue)
        case .charge(let payment), .withdraw(let payment):
            append(payment.user.rawValue)
            append(payment.currency.rawValue)
            append(payment.amount.minorUnits)
            appendShort(payment.reference.string)
        case .openAuction(let opening):
            appendOpening(opening)
        case .extendAuction(let auction, let closesAt):
            append(auction.rawValue)
            append(closesAt.nanoseconds)
        case .cancelAuction(let auction, let reason):
            append(auction.rawValue)
            appendLong(reason)
        case .extendOutage(let auction, let since, let until):
            append(auction.rawValue)
            append(since.nanoseconds)
            append(until.nanoseconds)
        case .registerUser(let user):
            appendShort(user.string)
        case .registerCurrency(let currency):
            append(currency.scale)
            appendShort(currency.code.string)
        case .createLedger(let id):
            append(id.high.byteSwapped)
            append(id.low.byteSwapped)
        case .openEngine(let epoch, let version):
            append(epoch)
            appendShort(version)
        case .rotateKey(let rotation):
            append(rotation.key)
            append(rotation.previous)
            append(rotation.signature.0)
            append(rotation.signature.1)
        case .restoreLedger(let restoration):
            append(restoration.ledger.high.byteSwapped)
            append(restoration.ledger.low.byteSwapped)
            append(restoration.checkpointSize)
            append(restoration.checkpointRoot)
        }
    }

    private mutating func appendOpening(_ opening: CanonicalOpening) {
        appendShort(opening.auction.string)
        appendLong(opening.title)
        append(opening.seller.rawValue)
        append(opening.currency.rawValue)
        append(UInt8(opening.opensAt == nil ? 0 : 1) | UInt8(opening.closesAt == nil ? 0 : 2))
        if let opensAt = opening.opensAt { append(opensAt.nanoseconds) }
        if let closesAt = opening.closesAt { append(closesAt.nanoseconds) }
        appendRules(opening.rules)
    }

    /// What the command says already (auction, bidder, maximum, payment) is not said again.
    private mutating func appendEvent(_ event: Event) {
        append(event.tag.rawValue)
        switch event {
        case .leadTaken(_, _, _, let price), .maximumRaised(_, _, _, let price),
            .bidAbsorbed(_, _, let price), .boughtNow(_, _, let price):
            append(price.minorUnits)
        case .locked(_, let user, let amount, let held):
            append(user.rawValue)
            append(amount.minorUnits)
            append(held.minorUnits)
        case .refunded(_, let user, let amount, let reason):
            append(user.rawValue)
            append(amount.minorUnits)
            append(reason.rawValue)
        case .settled(_, let winner, let seller, let amount, let fee):
            append(winner.rawValue)
            append(seller.rawValue)
            append(amount.minorUnits)
            append(fee.minorUnits)
        case .auctionOpened(let auction, _, let opensAt):
            append(auction.rawValue)
            append(opensAt.nanoseconds)
        case .auctionExtended(_, let closesAt, let reason):
            append(closesAt.nanoseconds)
            append(reason.rawValue)
        case .auctionClosed(_, let outcome, let winner, let price):
            append(outcome.rawValue)
            append((winner ?? .none).rawValue)
            append(price.minorUnits)
        case .closeConfirmed(_, let position, let outcome):
            append(position)
            append(outcome.rawValue)
        case .userRegistered(let user, _): append(user.rawValue)
        case .currencyRegistered(let currency, _): append(currency.rawValue)
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .charged, .withdrawn,
            .auctionCancelled:
            break
        }
    }

    private mutating func appendShort(_ text: String) {
        append(UInt8(text.utf8.count))
        append(utf8: text)
    }

    private mutating func appendLong(_ text: String) {
        append(UInt16(text.utf8.count))
        append(utf8: text)
    }
}

extension ByteBuffer {
    /// Appends 32 bytes in their own order.
    mutating func append(_ bytes: Bytes32) {
        append(bytes.words.0.byteSwapped)
        append(bytes.words.1.byteSwapped)
        append(bytes.words.2.byteSwapped)
        append(bytes.words.3.byteSwapped)
    }
}

extension EntryLink {
    /// How many positions the link goes back; 0 for a chain's first entry.
    @inline(__always)
    func reach(from position: UInt64) -> UInt64 { Self.reach(of: storedPrevious, from: position) }

    @inline(__always)
    static func reach(of previous: UInt64, from position: UInt64) -> UInt64 {
        previous == noPosition ? 0 : position - previous
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

extension CanonicalCommand {
    /// An end has the reason `outage` in such an entry and in no other: to a kind that was there
    /// before the reason nothing was added.
    fileprivate var isExtendOutage: Bool { if case .extendOutage = self { true } else { false } }
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

// MARK: - Decoding

/// An entry as decoded, reused from one to the next so that a replay allocates nothing.
package struct DecodedEntry: Sendable {
    package private(set) var point = EntryPoint(position: 0, time: .zero)
    package private(set) var id = CommandID.none
    package private(set) var actor = CanonicalActor.system
    package private(set) var rejection: Rejection?
    /// What makes the entry unguessable; nil where it has none.
    package private(set) var salt: UInt64?
    /// The whole of an accepted bid; nil for every other entry.
    package private(set) var bid: AcceptedBid?
    /// How far a bid's links go back; the third is none's where nobody was refunded.
    private var bidReaches: (UInt64, UInt64, UInt64) = (0, 0, 0)

    // What is not an accepted bid.
    private var otherCommand = CanonicalCommand.closeDue(AuctionHandle(rawValue: 0))
    private var otherEvents = EventList()
    private var otherReaches = ContiguousArray<UInt64>()

    package init() {}

    package var command: CanonicalCommand {
        guard let bid else { return otherCommand }
        return .placeBid(auction: bid.auction, bidder: bid.bidder, amount: bid.maximum)
    }

    /// - Complexity: an allocation for an accepted bid, whose `bid` says the same without one.
    package var events: EventList {
        guard let bid else { return otherEvents }
        var events = EventList()
        bid.appendEvents(to: &events)
        return events
    }

    /// How far each link goes back; whose links they are follows from command and events.
    package var reaches: ContiguousArray<UInt64> {
        guard let bid else { return otherReaches }
        let (auction, bidder, refunded) = bidReaches
        return bid.refunded == .none ? [auction, bidder] : [auction, bidder, refunded]
    }

    /// Whether a bid's links are these.
    package func has(_ links: BidLinks) -> Bool {
        bidReaches.0 == EntryLink.reach(of: links.auction, from: point.position)
            && bidReaches.1 == EntryLink.reach(of: links.bidder, from: point.position)
            && bidReaches.2
                == links.refunded.map { EntryLink.reach(of: $0, from: point.position) } ?? 0
    }

    /// The entry as a plain value, its links given their chains.
    package var entry: LedgerEntry {
        var links = ContiguousArray<EntryLink>()
        let (command, events) = (command, events)
        for (chain, reach) in zip(command.chains(events: events), reaches) {
            let previous = reach == 0 ? noPosition : point.position &- reach
            links.append(EntryLink(chain: chain, storedPrevious: previous))
        }
        return LedgerEntry(
            position: point.position, time: point.time, commandID: id == .none ? nil : id,
            actor: actor, command: command,
            outcome: rejection.map { .rejected($0) } ?? .accepted(events), links: links)
    }
}

extension DecodedEntry {
    /// Reads one entry.
    /// - Parameter flattensBids: whether accepted bids are read into `bid`; a test reads them as
    ///   every other entry, to see that both say the same.
    /// - Throws: `LogFault` when the bytes are no entry, or one of a newer format.
    package mutating func decode(
        _ bytes: RawSpan, in range: Range<Int>, flattensBids: Bool = true
    ) throws(LogFault) {
        guard range.count >= EntryLayout.headerBytes, range.upperBound <= bytes.byteCount else {
            throw LogFault("an entry is shorter than its header")
        }
        let start = range.lowerBound
        let number = bytes.load(UInt8.self, at: start)
        guard let kind = EntryKind(rawValue: number) else {
            throw LogFault("unknown entry kind \(number)")
        }
        let flags = bytes.load(UInt8.self, at: start + 1)
        guard flags & ~EntryLayout.knownFlags == 0 else {
            throw LogFault("unknown entry flags \(flags)")
        }
        actor = try CanonicalActor(encoded: bytes.load(UInt32.self, at: start + 4))
        point = EntryPoint(
            position: bytes.load(UInt64.self, at: start + 8),
            time: Timestamp(nanoseconds: bytes.load(Int64.self, at: start + 16)))
        guard point.time.isInRange else { throw LogFault("an entry's time is out of range") }
        id = CommandID(
            high: bytes.load(UInt64.self, at: start + 24).byteSwapped,
            low: bytes.load(UInt64.self, at: start + 32).byteSwapped)
        var range = range
        salt = nil
        if flags & EntryLayout.saltFlag != 0 {
            let end = range.upperBound - EntryLayout.saltBytes
            guard end >= start + EntryLayout.headerBytes else {
                throw LogFault("an entry is shorter than its header and its salt")
            }
            salt = bytes.load(UInt64.self, at: end)
            range = start..<end
        }
        if kind == .placeBid, flags & ~EntryLayout.saltFlag == 0, flattensBids,
            decodeBid(bytes, in: range)
        {
            rejection = nil
            return
        }
        bid = nil
        try decodeOther(kind, flags, bytes, in: range)
    }

    /// Reads whatever is not an accepted bid of the usual shape.
    private mutating func decodeOther(
        _ kind: EntryKind, _ flags: UInt8, _ bytes: RawSpan, in range: Range<Int>
    ) throws(LogFault) {
        let start = range.lowerBound
        let commandBytes = Int(bytes.load(UInt16.self, at: start + 2))
        var reader = ByteReader(
            "an entry", from: start + EntryLayout.headerBytes, to: range.upperBound)
        let command = try reader.command(kind, bytes)
        otherCommand = command
        guard reader.offset == start + EntryLayout.headerBytes + commandBytes else {
            throw LogFault("a command's length is not \(commandBytes)")
        }
        otherEvents.removeAll(keepingCapacity: true)
        if flags & EntryLayout.rejectedFlag != 0 {
            rejection = try reader.rejection(bytes)
        } else {
            rejection = nil
            let count = try reader.integer(UInt16.self, bytes)
            for _ in 0..<count { otherEvents.append(try reader.event(of: command, bytes)) }
        }
        try decodeLinks(&reader, wide: flags & EntryLayout.wideLinksFlag != 0, bytes)
        guard reader.offset == range.upperBound else {
            throw LogFault("an entry has \(range.upperBound - reader.offset) bytes left over")
        }
    }

    /// Reads an accepted bid.
    /// - Returns: false where anything is not as `appendEntry` of a bid writes it: the general
    ///   decoder then says what it is, or what is wrong with it.
    @inline(__always)
    private mutating func decodeBid(_ bytes: RawSpan, in range: Range<Int>) -> Bool {
        let start = range.lowerBound
        guard range.count >= BidLayout.bytesMin,
            bytes.load(UInt16.self, at: start + 2) == UInt16(BidLayout.commandBytes),
            let kind = AcceptedBid.Kind(
                tag: bytes.load(UInt8.self, at: start + BidLayout.firstEvent))
        else { return false }
        let bidder = bytes.load(UInt32.self, at: start + BidLayout.bidder)
        var offset = start + BidLayout.firstEvent + BidLayout.priceEventBytes
        var (refunded, refund) = (UserHandle.none, Int64(0))
        if kind == .leadTaken, range.upperBound - offset > BidLayout.refundedBytes,
            bytes.load(UInt8.self, at: offset) == EventTag.refunded.rawValue
        {
            refunded = UserHandle(rawValue: bytes.load(UInt32.self, at: offset + 1))
            refund = bytes.load(Int64.self, at: offset + 5)
            guard refunded != .none, refunded.rawValue != bidder,
                bytes.load(UInt8.self, at: offset + 13) == RefundReason.outbid.rawValue
            else { return false }
            offset += BidLayout.refundedBytes
        }
        var (locked, held) = (Int64(0), Int64(0))
        if kind != .bidAbsorbed {
            guard range.upperBound - offset > BidLayout.lockedBytes,
                bytes.load(UInt8.self, at: offset) == EventTag.locked.rawValue,
                bytes.load(UInt32.self, at: offset + 1) == bidder
            else { return false }
            locked = bytes.load(Int64.self, at: offset + 5)
            held = bytes.load(Int64.self, at: offset + 13)
            offset += BidLayout.lockedBytes
        }
        var bid = AcceptedBid(
            auction: AuctionHandle(
                rawValue: bytes.load(UInt32.self, at: start + BidLayout.auction)),
            bidder: UserHandle(rawValue: bidder),
            maximum: Money(minorUnits: bytes.load(Int64.self, at: start + BidLayout.maximum)),
            kind: kind,
            price: Money(
                minorUnits: bytes.load(Int64.self, at: start + BidLayout.firstEvent + 1)),
            refunded: refunded, refund: Money(minorUnits: refund),
            locked: Money(minorUnits: locked), held: Money(minorUnits: held))
        // None is negative: no sign is set.
        guard
            bid.maximum.minorUnits | bid.price.minorUnits | refund | locked | held >= 0
        else { return false }
        if range.upperBound - offset > BidLayout.extendedBytes,
            bytes.load(UInt8.self, at: offset) == EventTag.auctionExtended.rawValue
        {
            guard let reason = ExtensionReason(rawValue: bytes.load(UInt8.self, at: offset + 9)),
                reason != .outage
            else { return false }
            bid.closesAt = Timestamp(nanoseconds: bytes.load(Int64.self, at: offset + 1))
            bid.extensionReason = reason
            offset += BidLayout.extendedBytes
        }
        let linkCount = refunded == .none ? 2 : 3
        guard range.upperBound - offset == 1 + 4 * linkCount,
            bytes.load(UInt8.self, at: offset) == UInt8(linkCount),
            bytes.load(UInt16.self, at: start + BidLayout.eventCount) == UInt16(bid.eventCount)
        else { return false }
        bidReaches = (
            UInt64(bytes.load(UInt32.self, at: offset + 1)),
            UInt64(bytes.load(UInt32.self, at: offset + 5)),
            linkCount == 2 ? 0 : UInt64(bytes.load(UInt32.self, at: offset + 9))
        )
        self.bid = bid
        return true
    }

    @inline(__always)
    private mutating func decodeLinks(
        _ reader: inout ByteReader, wide: Bool, _ bytes: RawSpan
    ) throws(LogFault) {
        otherReaches.removeAll(keepingCapacity: true)
        let count = try reader.integer(UInt8.self, bytes)
        for _ in 0..<count {
            otherReaches.append(
                wide
                    ? try reader.integer(UInt64.self, bytes)
                    : UInt64(try reader.integer(UInt32.self, bytes)))
        }
    }
}

extension ByteReader {
    @inline(__always)
    fileprivate mutating func command(
        _ kind: EntryKind, _ bytes: RawSpan
    ) throws(LogFault) -> CanonicalCommand {
        if kind == .placeBid {
            return .placeBid(
                auction: try auction(bytes), bidder: try user(bytes), amount: try money(bytes))
        }
        return try rareCommand(kind, bytes)
    }

    private mutating func rareCommand(
        _ kind: EntryKind, _ bytes: RawSpan
    ) throws(LogFault) -> CanonicalCommand {
        switch kind {
        case .placeBid:
            .placeBid(
                auction: try auction(bytes), bidder: try user(bytes), amount: try money(bytes))
        case .buyNow: .buyNow(auction: try auction(bytes), buyer: try user(bytes))
        case .closeAuction:
            .closeAuction(try auction(bytes), hammer: try flag(bytes))
        case .closeDue: .closeDue(try auction(bytes))
        case .charge: .charge(try payment(bytes))
        case .withdraw: .withdraw(try payment(bytes))
        case .openAuction: .openAuction(try opening(bytes))
        case .extendAuction: .extendAuction(try auction(bytes), closesAt: try time(bytes))
        case .extendOutage:
            .extendOutage(
                auction: try auction(bytes), since: try time(bytes), until: try time(bytes))
        case .cancelAuction:
            .cancelAuction(
                try auction(bytes), reason: try longText(atMost: Limits.reasonBytesMax, bytes))
        case .registerUser: .registerUser(try identifier(bytes))
        case .registerCurrency: .registerCurrency(try currency(bytes))
        case .createLedger:
            .createLedger(try ledgerID(bytes))
        case .openEngine:
            .openEngine(epoch: try integer(UInt32.self, bytes), version: try shortText(bytes))
        case .rotateKey:
            .rotateKey(
                KeyRotation(
                    key: try bytes32(bytes), previous: try bytes32(bytes),
                    signature: (try bytes32(bytes), try bytes32(bytes))))
        case .restoreLedger:
            .restoreLedger(
                Restoration(
                    ledger: try ledgerID(bytes), checkpointSize: try integer(UInt64.self, bytes),
                    checkpointRoot: try bytes32(bytes)))
        }
    }

    private mutating func ledgerID(_ bytes: RawSpan) throws(LogFault) -> LedgerID {
        LedgerID(
            high: try integer(UInt64.self, bytes).byteSwapped,
            low: try integer(UInt64.self, bytes).byteSwapped)
    }

    private mutating func currency(_ bytes: RawSpan) throws(LogFault) -> Currency {
        let scale = try integer(UInt8.self, bytes)
        guard scale <= Currency.scaleMax else { throw LogFault("a scale is \(scale)") }
        return Currency(code: try identifier(bytes), scale: scale)
    }

    private mutating func payment(_ bytes: RawSpan) throws(LogFault) -> Payment {
        Payment(
            user: try user(bytes),
            currency: CurrencyHandle(rawValue: try integer(UInt16.self, bytes)),
            amount: try money(bytes), reference: try identifier(bytes))
    }

    private mutating func opening(_ bytes: RawSpan) throws(LogFault) -> CanonicalOpening {
        let auction: AuctionID = try identifier(bytes)
        let title = try longText(atMost: Limits.titleBytesMax, bytes)
        let seller = try user(bytes)
        let currency = CurrencyHandle(rawValue: try integer(UInt16.self, bytes))
        let present = try integer(UInt8.self, bytes)
        guard present <= 3 else { throw LogFault("unknown opening flags \(present)") }
        let opensAt = present & 1 == 0 ? nil : try time(bytes)
        let closesAt = present & 2 == 0 ? nil : try time(bytes)
        let rules = try rules(bytes)
        do { try rules.validate(closesAt: closesAt) } catch { throw LogFault("\(error)") }
        return CanonicalOpening(
            auction: auction, title: title, seller: seller, currency: currency,
            opensAt: opensAt, closesAt: closesAt, rules: rules)
    }

    fileprivate mutating func rejection(_ bytes: RawSpan) throws(LogFault) -> Rejection {
        let number = try integer(UInt16.self, bytes)
        guard let code = Rejection.Code(rawValue: number) else {
            throw LogFault("unknown rejection \(number)")
        }
        return Rejection(code, limit: try money(bytes))
    }
}

// MARK: - Decoding events

extension ByteReader {
    @inline(__always)
    fileprivate mutating func event(
        of command: CanonicalCommand, _ bytes: RawSpan
    ) throws(LogFault) -> Event {
        let number = try integer(UInt8.self, bytes)
        guard let tag = EventTag(rawValue: number) else {
            throw LogFault("unknown event \(number)")
        }
        if let auction = command.auction {
            return try auctionEvent(tag, auction, of: command, bytes)
        }
        return try otherEvent(tag, of: command, bytes)
    }

    @inline(__always)
    private mutating func auctionEvent(
        _ tag: EventTag, _ auction: AuctionHandle, of command: CanonicalCommand, _ bytes: RawSpan
    ) throws(LogFault) -> Event {
        switch tag {
        case .locked:
            return .locked(
                auction: auction, user: try user(bytes), amount: try money(bytes),
                held: try money(bytes))
        case .refunded:
            return .refunded(
                auction: auction, user: try user(bytes), amount: try money(bytes),
                reason: try enumeration(bytes))
        case .settled:
            return .settled(
                auction: auction, winner: try user(bytes), seller: try user(bytes),
                amount: try money(bytes), fee: try money(bytes))
        case .auctionExtended:
            let (closesAt, reason) = (try time(bytes), try enumeration(bytes) as ExtensionReason)
            guard (reason == .outage) == command.isExtendOutage else {
                throw LogFault("an end is moved by what its command does not do")
            }
            return .auctionExtended(auction: auction, closesAt: closesAt, reason: reason)
        case .auctionClosed:
            return .auctionClosed(
                auction: auction, outcome: try enumeration(bytes),
                winner: try userIfAny(bytes), price: try money(bytes))
        case .closeConfirmed:
            return .closeConfirmed(
                auction: auction, position: try integer(UInt64.self, bytes),
                outcome: try enumeration(bytes))
        case .auctionCancelled:
            return .auctionCancelled(auction: auction)
        case .boughtNow:
            guard let buyer = command.user else {
                throw LogFault("event \(tag.rawValue) does not follow from its command")
            }
            return .boughtNow(auction: auction, buyer: buyer, price: try money(bytes))
        case .leadTaken, .maximumRaised, .bidAbsorbed:
            return try bidEvent(tag, of: command, bytes)
        case .ledgerCreated, .engineOpened, .currencyRegistered, .userRegistered, .charged,
            .withdrawn, .auctionOpened, .keyRotated, .ledgerRestored:
            throw LogFault("event \(tag.rawValue) does not follow from its command")
        }
    }

    @inline(__always)
    private mutating func bidEvent(
        _ tag: EventTag, of command: CanonicalCommand, _ bytes: RawSpan
    ) throws(LogFault) -> Event {
        guard case .placeBid(let auction, let bidder, let maximum) = command else {
            throw LogFault("event \(tag.rawValue) does not follow from its command")
        }
        let price = try money(bytes)
        switch tag {
        case .leadTaken:
            return .leadTaken(auction: auction, bidder: bidder, maximum: maximum, price: price)
        case .maximumRaised:
            return .maximumRaised(
                auction: auction, bidder: bidder, maximum: maximum, price: price)
        case .bidAbsorbed:
            return .bidAbsorbed(auction: auction, bidder: bidder, price: price)
        case .ledgerCreated, .engineOpened, .currencyRegistered, .userRegistered, .charged,
            .withdrawn, .locked, .refunded, .settled, .auctionOpened, .auctionExtended,
            .auctionClosed, .closeConfirmed, .auctionCancelled, .boughtNow, .keyRotated,
            .ledgerRestored:
            throw LogFault("event \(tag.rawValue) does not follow from its command")
        }
    }

    private mutating func otherEvent(
        _ tag: EventTag, of command: CanonicalCommand, _ bytes: RawSpan
    ) throws(LogFault) -> Event {
        switch command {
        case .createLedger(let id): if tag == .ledgerCreated { return .ledgerCreated(id) }
        case .openEngine(let epoch, _):
            if tag == .engineOpened { return .engineOpened(epoch: epoch) }
        case .rotateKey(let rotation): if tag == .keyRotated { return .keyRotated(rotation) }
        case .restoreLedger(let restoration):
            if tag == .ledgerRestored { return .ledgerRestored(restoration) }
        case .registerCurrency(let currency):
            if tag == .currencyRegistered {
                let handle = CurrencyHandle(rawValue: try integer(UInt16.self, bytes))
                return .currencyRegistered(handle, currency)
            }
        case .registerUser(let id):
            if tag == .userRegistered { return .userRegistered(try user(bytes), id) }
        case .charge(let payment): if tag == .charged { return .charged(payment) }
        case .withdraw(let payment): if tag == .withdrawn { return .withdrawn(payment) }
        case .openAuction(let opening):
            if tag == .auctionOpened {
                return .auctionOpened(try auction(bytes), opening, opensAt: try time(bytes))
            }
        case .closeDue, .extendOutage, .placeBid, .buyNow, .closeAuction, .extendAuction,
            .cancelAuction:
            break
        }
        throw LogFault("event \(tag.rawValue) does not follow from its command")
    }
}
