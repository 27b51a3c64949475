// The English rules that a bid and a purchase are held against, in the order in which they are
// asked, and what each compares.

extension English {
    static func codes(
        forBidBy bidder: UserHandle, on record: AuctionRecord, in state: State
    ) -> [Rejection.Code] {
        if record.leader == .none { return [.bidBelowOpening, .exceedsAvailable] }
        if record.leader == bidder, state.terms[Int(record.termsIndex)].proxy {
            return [.bidNotAboveOwnMaximum, .exceedsAvailable]
        }
        return [.bidBelowMinimum, .exceedsAvailable, .overflowsPrice]
    }

    static func codesForPurchase() -> [Rejection.Code] {
        [.buyNowNotOffered, .buyNowEnded, .exceedsAvailable]
    }

    static func figures(
        of code: Rejection.Code, bidOf amount: Money, by bidder: UserHandle,
        on auction: AuctionHandle, in state: State
    ) -> RuleFigures? {
        let record = state[auction]
        switch code {
        case .bidBelowOpening:
            return .bidBelowOpening(amount: amount, openingPrice: record.openingPrice)
        case .bidBelowMinimum:
            return state.minimumBid(on: auction).map { minimum in
                .bidBelowMinimum(
                    amount: amount, minimum: minimum, price: record.price,
                    step: state.step(of: record, at: record.price))
            }
        case .bidNotAboveOwnMaximum:
            return .bidNotAboveOwnMaximum(amount: amount, maximum: record.maximum)
        case .exceedsAvailable:
            // A first bid that reaches the buy-now price buys at it and must cover only that.
            let offer = record.leader == .none ? state.buyNowPrice(of: auction) : nil
            let price = offer.map { min($0, amount) } ?? amount
            return state.fundsFigures(for: price, of: bidder, on: auction)
        case .overflowsPrice:
            return .overflowsPrice(
                price: record.price, step: state.step(of: record, at: record.price))
        default:
            return nil
        }
    }

    static func purchaseFigures(
        of code: Rejection.Code, by buyer: UserHandle, on auction: AuctionHandle, in state: State
    ) -> RuleFigures? {
        let record = state[auction]
        switch code {
        case .buyNowNotOffered: return .buyNowNotOffered
        case .buyNowEnded:
            let hasBids = record.leader != .none
            return state.rules(of: auction).buyNow.map { offer in
                .buyNowEnded(
                    offer: offer, price: hasBids ? record.price : nil,
                    leader: hasBids ? record.leader : nil)
            }
        case .exceedsAvailable:
            return state.buyNowPrice(of: auction).map {
                state.fundsFigures(for: $0, of: buyer, on: auction)
            }
        default: return nil
        }
    }
}
