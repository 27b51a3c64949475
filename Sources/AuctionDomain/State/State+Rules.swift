// What an auction's rules say about it as it stands now: prices, premiums, offers.
//
// Invariant: between entries the reserve is met exactly if the price has reached it, for a price
// jumps to the reserve as soon as a maximum reaches it.

extension State {
    /// The rules an auction was opened with.
    public func rules(of auction: AuctionHandle) -> AuctionRules {
        let record = auctions[auction.index]
        return AuctionRules(
            openingPrice: record.openingPrice, terms: terms[Int(record.termsIndex)],
            extras: extras(of: record))
    }

    /// The least amount a challenger must bid now, or nil where no amount is large enough.
    public func minimumBid(on auction: AuctionHandle) -> Money? {
        let record = auctions[auction.index]
        guard record.leader != .none else { return record.openingPrice }
        return record.price.adding(step(of: record, at: record.price))
    }

    /// Whether the reserve is met; nil where there is none.
    public func isReserveMet(on auction: AuctionHandle) -> Bool? {
        let record = auctions[auction.index]
        return reserve(of: record).map { record.price >= $0 }
    }

    /// The price at which the auction can be bought now; nil where there is no such offer or it
    /// has ended. Says nothing about time.
    public func buyNowPrice(of auction: AuctionHandle) -> Money? {
        let record = auctions[auction.index]
        guard record.phase == .open, case .standing(let price) = buyNowOffer(of: record) else {
            return nil
        }
        return price
    }

    /// What the winner of a sold auction paid, premium included; nil for others.
    public func paid(for auction: AuctionHandle) -> Money? {
        let record = auctions[auction.index]
        return record.outcome == .sold ? paid(at: record.price, in: record) : nil
    }

    /// How often bids have moved an auction's end.
    public func extensions(of auction: AuctionHandle) -> UInt32 {
        extras(of: auctions[auction.index])?.extensions ?? 0
    }
}

/// Where a buy-now offer stands.
enum BuyNowOffer: Hashable {
    case never
    case ended
    case standing(Money)
}

extension State {
    /// The step of an auction's table at a price.
    @inline(__always)
    func step(of record: AuctionRecord, at price: Money) -> Money {
        terms[Int(record.termsIndex)].increments.step(at: price)
    }

    /// What a bid of an amount must hold: the amount and its premium; nil where that is more than
    /// there can be.
    @inline(__always)
    func paid(at price: Money, in record: AuctionRecord) -> Money? {
        terms[Int(record.termsIndex)].fees.paid(at: price)
    }

    @inline(__always)
    func extras(of record: AuctionRecord) -> AuctionExtras? {
        record.extrasIndex == Self.noExtras ? nil : extras[Int(record.extrasIndex)]
    }

    @inline(__always)
    func reserve(of record: AuctionRecord) -> Money? {
        guard let reserve = extras(of: record)?.reservePrice, reserve > .zero else { return nil }
        return reserve
    }

    /// The visible price once a maximum leads: the reserve where only that one reaches it.
    @inline(__always)
    func priceWithReserve(
        _ price: Money, maximum: Money, in record: AuctionRecord
    ) -> Money {
        guard let reserve = reserve(of: record), maximum >= reserve else { return price }
        return max(price, reserve)
    }

    func buyNowOffer(of record: AuctionRecord) -> BuyNowOffer {
        guard let extras = extras(of: record), extras.buyNowPrice > .zero,
            let until = terms[Int(record.termsIndex)].buyNowUntil
        else { return .never }
        let price = extras.buyNowPrice
        guard record.leader != .none else { return .standing(price) }
        let stands =
            switch until {
            case .firstBid: false
            case .reserveMet: record.price < extras.reservePrice
            case .end: true
            }
        return stands && record.price < price ? .standing(price) : .ended
    }

    /// Whether the hold is what the English format prescribes: the leader's maximum and its
    /// premium, for a price that is not below the opening price and shows a reserve that is met.
    func isCovered(_ record: AuctionRecord) -> Bool {
        let reserve = reserve(of: record) ?? .zero
        return paid(at: record.maximum, in: record) == record.held
            && record.maximum >= record.price && record.price >= record.openingPrice
            && (record.maximum >= reserve) == (record.price >= reserve)
    }
}
