// How an entry is written: command, outcome, links.

internal import AuctionDomain
internal import Platform

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
        if bid.kind.takesLead {
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
