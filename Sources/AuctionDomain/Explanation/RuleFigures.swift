// The rules a command must pass, in the order in which `decide` asks them, and what each compares.
//
// Invariants: the order is that of the guards in `State+Decide…`, which PrecedenceTests and
// ExplanationTests hold it to; figures come from the functions that the guards ask.

/// What a rule compared when it refused a command: the code and its figures.
public enum RuleFigures: Hashable, Sendable {
    case sellerCannotBid(seller: UserHandle)
    /// `allowed` are those whose command this rule would have let pass; of users only the one the
    /// command speaks for and the auction's seller are looked at.
    case notPermitted(actor: CanonicalActor, allowed: [CanonicalActor])
    case userAlreadyRegistered(UserHandle)
    case currencyAlreadyRegistered(CurrencyHandle)
    case auctionAlreadyOpened(AuctionHandle, position: UInt64)
    case referenceAlreadyUsed(Payment)
    case auctionNotOpen(opensAt: Timestamp)
    /// `closedPosition` is nil where the end had passed and the closing was still to come.
    case auctionEnded(closesAt: Timestamp?, closedPosition: UInt64?)
    case auctionCancelled(position: UInt64)
    case auctionAlreadyClosed(position: UInt64, outcome: AuctionOutcome?)
    /// The end is nil where only a hammer ends the auction.
    case auctionNotEnded(closesAt: Timestamp?)
    case auctionHasBids(count: UInt64, leader: UserHandle)
    /// The end must lie after the entry's time, after the opening, and, where it is an extension,
    /// after the end there was. `end` is nil where time did not end the auction.
    case closesAtTooEarly(
        given: Timestamp, opensAt: Timestamp, isExtension: Bool, end: Timestamp?)
    case buyNowNotOffered
    case buyNowEnded(offer: BuyNow, price: Money?, leader: UserHandle?)
    case bidBelowOpening(amount: Money, openingPrice: Money)
    case bidBelowMinimum(amount: Money, minimum: Money, price: Money, step: Money)
    case bidNotAboveOwnMaximum(amount: Money, maximum: Money)
    /// `needed` is the amount with its premium less what is held already; nil where that is more
    /// than there can be.
    case exceedsAvailable(
        amount: Money, premium: Money?, held: Money, needed: Money?, available: Money)
    case overflowsTotalCharged(amount: Money, charged: Money)
    case overflowsPrice(price: Money, step: Money)
    case overflowsCurrencies(count: Int)

    /// The code of the rule.
    public var code: Rejection.Code {
        switch self {
        case .sellerCannotBid: .sellerCannotBid
        case .notPermitted: .notPermitted
        case .userAlreadyRegistered: .userAlreadyRegistered
        case .currencyAlreadyRegistered: .currencyAlreadyRegistered
        case .auctionAlreadyOpened: .auctionAlreadyOpened
        case .referenceAlreadyUsed: .referenceAlreadyUsed
        case .auctionNotOpen: .auctionNotOpen
        case .auctionEnded: .auctionEnded
        case .auctionCancelled: .auctionCancelled
        case .auctionAlreadyClosed: .auctionAlreadyClosed
        case .auctionNotEnded: .auctionNotEnded
        case .auctionHasBids: .auctionHasBids
        case .closesAtTooEarly: .closesAtTooEarly
        case .buyNowNotOffered: .buyNowNotOffered
        case .buyNowEnded: .buyNowEnded
        case .bidBelowOpening: .bidBelowOpening
        case .bidBelowMinimum: .bidBelowMinimum
        case .bidNotAboveOwnMaximum: .bidNotAboveOwnMaximum
        case .exceedsAvailable: .exceedsAvailable
        case .overflowsTotalCharged: .overflowsTotalCharged
        case .overflowsPrice: .overflowsPrice
        case .overflowsCurrencies: .overflowsCurrencies
        }
    }
}

extension State {
    /// The rules that a command is held against, in the order in which they are asked.
    public func rules(
        for command: CanonicalCommand, by actor: CanonicalActor
    ) -> [Rejection.Code] {
        let buying: [Rejection.Code] = [
            .sellerCannotBid, .notPermitted, .auctionCancelled, .auctionNotOpen, .auctionEnded,
        ]
        switch command {
        case .placeBid(let auction, let bidder, _):
            let record = self[auction]
            return buying + format(of: record).codes(forBidBy: bidder, on: record, in: self)
        case .buyNow(let auction, _):
            return buying + format(of: self[auction]).codesForPurchase()
        case .closeAuction(_, let hammer):
            return hammer
                ? [.notPermitted, .auctionCancelled, .auctionNotOpen]
                : [.auctionCancelled, .auctionNotEnded]
        case .extendAuction:
            return [.notPermitted, .auctionCancelled, .auctionAlreadyClosed, .closesAtTooEarly]
        case .cancelAuction:
            return [.notPermitted, .auctionCancelled, .auctionAlreadyClosed]
                + (actor == .operator ? [] : [.auctionHasBids])
        case .openAuction: return [.notPermitted, .auctionAlreadyOpened, .closesAtTooEarly]
        case .charge: return [.notPermitted, .referenceAlreadyUsed, .overflowsTotalCharged]
        case .withdraw: return [.notPermitted, .referenceAlreadyUsed, .exceedsAvailable]
        case .registerUser: return [.notPermitted, .userAlreadyRegistered]
        case .registerCurrency:
            return [.notPermitted, .currencyAlreadyRegistered, .overflowsCurrencies]
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .extendOutage:
            return []
        }
    }

    /// What a rule compares for a command; nil where the rule says nothing about such a command.
    func figures(
        of code: Rejection.Code, _ command: CanonicalCommand, by actor: CanonicalActor,
        at time: Timestamp
    ) -> RuleFigures? {
        if code == .notPermitted {
            return .notPermitted(
                actor: actor, allowed: actorsAllowed(command, at: time))
        }
        switch command {
        case .placeBid(let auction, let bidder, let amount):
            let format = format(of: self[auction])
            return format.figures(of: code, bidOf: amount, by: bidder, on: auction, in: self)
                ?? figures(of: code, about: auction)
        case .buyNow(let auction, let buyer):
            let format = format(of: self[auction])
            return format.purchaseFigures(of: code, by: buyer, on: auction, in: self)
                ?? figures(of: code, about: auction)
        case .extendAuction(let auction, let closesAt) where code == .closesAtTooEarly:
            let record = self[auction]
            return .closesAtTooEarly(
                given: closesAt, opensAt: record.opensAt, isExtension: true,
                end: record.endsAt)
        case .closeAuction(let auction, _), .closeDue(let auction),
            .extendAuction(let auction, _), .cancelAuction(let auction, _),
            .extendOutage(let auction, _, _):
            return figures(of: code, about: auction)
        case .openAuction(let opening): return figures(of: code, opening, at: time)
        case .charge(let payment), .withdraw(let payment): return figures(of: code, payment)
        case .registerUser(let id):
            return code == .userAlreadyRegistered
                ? user(id).map { .userAlreadyRegistered($0) } : nil
        case .registerCurrency(let currency):
            switch code {
            case .currencyAlreadyRegistered:
                return self.currency(currency.code).map { .currencyAlreadyRegistered($0) }
            case .overflowsCurrencies: return .overflowsCurrencies(count: currencyCount)
            default: return nil
            }
        case .createLedger, .openEngine, .rotateKey, .restoreLedger: return nil
        }
    }

    /// Asks the rules themselves: whose command would not have been refused as not permitted?
    private func actorsAllowed(
        _ command: CanonicalCommand, at time: Timestamp
    ) -> [CanonicalActor] {
        var candidates: [CanonicalActor] = [.operator, .payment]
        if let user = command.user { candidates.append(.user(user)) }
        if let auction = command.auction { candidates.append(.user(self[auction].seller)) }
        if case .registerUser = command { candidates.append(.registrant) }
        var allowed: [CanonicalActor] = []
        for candidate in candidates where !allowed.contains(candidate) {
            let outcome = decide(command, by: candidate, at: time)
            if outcome.rejection?.code != .notPermitted { allowed.append(candidate) }
        }
        return allowed
    }

    /// The rules about where an auction stands.
    private func figures(
        of code: Rejection.Code, about auction: AuctionHandle
    ) -> RuleFigures? {
        let record = self[auction]
        let end = record.endsAt
        let isClosed = record.phase != .open
        return switch code {
        case .sellerCannotBid: .sellerCannotBid(seller: record.seller)
        case .auctionNotOpen: .auctionNotOpen(opensAt: record.opensAt)
        case .auctionEnded:
            .auctionEnded(
                closesAt: end, closedPosition: isClosed ? record.closedPosition : nil)
        case .auctionCancelled: .auctionCancelled(position: record.closedPosition)
        case .auctionAlreadyClosed:
            .auctionAlreadyClosed(position: record.closedPosition, outcome: record.outcome)
        case .auctionNotEnded: .auctionNotEnded(closesAt: end)
        case .auctionHasBids:
            .auctionHasBids(count: record.acceptedBids, leader: record.leader)
        default: nil
        }
    }

    func fundsFigures(
        for amount: Money, of user: UserHandle, on auction: AuctionHandle
    ) -> RuleFigures {
        let record = self[auction]
        let paid = paid(at: amount, in: record)
        let held = hold(of: user, on: auction)
        return .exceedsAvailable(
            amount: amount, premium: paid.map { $0 - amount }, held: held,
            needed: paid.map { $0 - held }, available: available(user, record.currency))
    }

    private func figures(
        of code: Rejection.Code, _ opening: CanonicalOpening, at time: Timestamp
    ) -> RuleFigures? {
        switch code {
        case .auctionAlreadyOpened:
            auction(opening.auction).map {
                .auctionAlreadyOpened($0, position: self[$0].openedPosition)
            }
        case .closesAtTooEarly:
            opening.closesAt.map { closesAt in
                .closesAtTooEarly(
                    given: closesAt, opensAt: opening.opensAt ?? time, isExtension: false,
                    end: nil)
            }
        default: nil
        }
    }

    private func figures(of code: Rejection.Code, _ payment: Payment) -> RuleFigures? {
        switch code {
        case .referenceAlreadyUsed: .referenceAlreadyUsed(payment)
        case .overflowsTotalCharged:
            .overflowsTotalCharged(
                amount: payment.amount, charged: self[payment.currency].charged)
        case .exceedsAvailable:
            .exceedsAvailable(
                amount: payment.amount, premium: .zero, held: .zero, needed: payment.amount,
                available: available(payment.user, payment.currency))
        default: nil
        }
    }
}
