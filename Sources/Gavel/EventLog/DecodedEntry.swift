// An entry as it is read: accepted bids flat, everything else as a command with its events.
//
// Invariant: decoding never traps; what is not exactly as the encoder writes it is refused.

package import AuctionDomain
internal import Platform

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
        if case .leadTaken = kind, range.upperBound - offset > BidLayout.refundedBytes,
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
        if kind.takesLead {
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
