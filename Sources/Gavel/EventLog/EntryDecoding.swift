// How the commands, outcomes and events of an entry are read.
//
// Invariant: whatever is not known (kind, flag, event) is refused, never skipped.

internal import AuctionDomain
internal import Platform

extension ByteReader {
    @inline(__always)
    mutating func command(
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

    mutating func rejection(_ bytes: RawSpan) throws(LogFault) -> Rejection {
        let number = try integer(UInt16.self, bytes)
        guard let code = Rejection.Code(rawValue: number) else {
            throw LogFault("unknown rejection \(number)")
        }
        return Rejection(code, limit: try money(bytes))
    }
}

extension CanonicalCommand {
    /// An end has the reason `outage` in such an entry and in no other: to a kind that was there
    /// before the reason nothing was added.
    fileprivate var isExtendOutage: Bool { if case .extendOutage = self { true } else { false } }
}

extension ByteReader {
    @inline(__always)
    mutating func event(
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
