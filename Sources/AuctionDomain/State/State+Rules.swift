// What an auction's rules say about it as it stands now: prices, premiums, offers. What depends on
// the format is asked of it.

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
        return format(of: record).minimumBid(record, in: self)
    }

    /// Whether the reserve is met; nil where there is none.
    public func isReserveMet(on auction: AuctionHandle) -> Bool? {
        let record = auctions[auction.index]
        return format(of: record).isReserveMet(record, in: self)
    }

    /// The price at which the auction can be bought now; nil where there is no such offer or it
    /// has ended. Says nothing about time.
    public func buyNowPrice(of auction: AuctionHandle) -> Money? {
        let record = auctions[auction.index]
        return record.phase == .open ? format(of: record).buyNowPrice(record, in: self) : nil
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
}
