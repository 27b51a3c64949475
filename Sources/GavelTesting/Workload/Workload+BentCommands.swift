// How a workload bends commands so that they must be refused.

internal import AuctionDomain

extension Workload {
    /// One of the shapes that `Command.validate` refuses.
    mutating func makeMalformed() -> Command {
        let user = drawUser()
        let auction = drawAuction()
        let long = String(repeating: "x", count: Limits.titleBytesMax + 1)
        let tooLate = Timestamp(nanoseconds: Timestamp.max.nanoseconds + 1)
        var opening = OpenAuction(
            auction: "lot-malformed", seller: user, currency: "USD", opensAt: time, closesAt: time)
        switch generator.below(13) {
        case 0: return .placeBid(auction: auction, bidder: user, amount: 0)
        case 1: return .placeBid(auction: auction, bidder: user, amount: number(.min / 2 ... -1))
        case 2: return .charge(user: user, currency: "USD", amount: 0, reference: "malformed")
        case 3: return .withdraw(user: user, currency: "USD", amount: -1, reference: "malformed")
        case 4: return .registerCurrency(Currency(code: "USD", scale: Currency.scaleMax + 1))
        case 5: return .cancelAuction(auction, reason: long)
        case 6: return .extendAuction(auction, closesAt: tooLate)
        // closes_at is not after opens_at.
        case 7: return .openAuction(opening)
        case 8: opening.title = long
        case 9: opening.rules.openingPrice = 0
        case 10, 11: return .openAuction(makeContradictory(opening))
        default:
            opening.rules.increments = generator.pick([
                .table([]), .table([IncrementRow(from: 1, step: 1)]),
                .table([IncrementRow(from: 0, step: 0)]),
                .table([IncrementRow(from: 0, step: 1), IncrementRow(from: 0, step: 2)]),
                .basisPoints(0), .basisPoints(10_001),
            ])
        }
        opening.closesAt = nil
        return .openAuction(opening)
    }

    /// Rules that cannot all hold.
    mutating func makeContradictory(_ plain: OpenAuction) -> OpenAuction {
        var opening = plain
        opening.closesAt = nil
        opening.rules.openingPrice = 100
        let window = SoftClose(windowMilliseconds: 1_000, extensionMilliseconds: 1_000)
        switch generator.below(17) {
        case 0: opening.rules.reservePrice = 99
        case 1: opening.rules.buyNow = BuyNow(price: 99)
        case 2:
            opening.rules.reservePrice = 200
            opening.rules.buyNow = BuyNow(price: 199)
        case 3: opening.rules.buyNow = BuyNow(price: 100, until: .reserveMet)
        case 4: opening.rules.softClose = window
        case 5:
            opening.closesAt = moved(time, by: 2)
            opening.rules.softClose = window
            opening.rules.softClose?.latestEnd = moved(time, by: 1)
        case 6:
            opening.closesAt = moved(time, by: 1)
            opening.rules.durationFromFirstBidMilliseconds = 1_000
        case 7: opening.rules.durationFromFirstBidMilliseconds = 0
        case 8: opening.rules.fees.seller.basisPoints = 10_001
        case 9: opening.rules.fees.buyer.basisPoints = -1
        case 10: opening.rules.fees.seller.fixed = -1
        case 11: opening.rules.fees.buyer = Fee(minimum: 2, maximum: 1)
        case 12: opening.rules.fees.buyer.fixed = .max
        case 13: opening.rules.outage = OutageRule(longerThanMilliseconds: 0)
        case 14: opening.rules.outage = OutageRule(moveMilliseconds: .max)
        case 15:
            opening.rules.durationFromFirstBidMilliseconds = 1_000
            opening.rules.softClose = window
            opening.rules.softClose?.maxExtensions = 0
        default:
            opening.rules.durationFromFirstBidMilliseconds = 1_000
            opening.rules.softClose = window
            opening.rules.softClose?.windowMilliseconds = 0
        }
        opening.opensAt = nil
        return opening
    }

    /// The same with one of its names replaced by one that nobody ever registers.
    mutating func withUnknownName(_ command: Command) -> Command {
        let first = generator.chance(perMille: 500)
        switch command {
        case .placeBid(let auction, let bidder, let amount):
            return .placeBid(
                auction: first ? "lot-unknown" : auction, bidder: first ? bidder : "nobody",
                amount: amount)
        case .charge(let user, let currency, let amount, let reference):
            return .charge(
                user: first ? user : "nobody", currency: first ? "XXX" : currency,
                amount: amount, reference: reference)
        case .withdraw(let user, let currency, let amount, let reference):
            return .withdraw(
                user: first ? user : "nobody", currency: first ? "XXX" : currency,
                amount: amount, reference: reference)
        case .openAuction(var opening):
            if first { opening.currency = "XXX" } else { opening.seller = "nobody" }
            return .openAuction(opening)
        case .buyNow(let auction, let buyer):
            return .buyNow(
                auction: first ? "lot-unknown" : auction, buyer: first ? buyer : "nobody")
        case .closeAuction(_, let hammer): return .closeAuction("lot-unknown", hammer: hammer)
        case .extendAuction(_, let closesAt):
            return .extendAuction("lot-unknown", closesAt: closesAt)
        case .cancelAuction(_, let reason): return .cancelAuction("lot-unknown", reason: reason)
        case .registerUser, .registerCurrency: return command
        }
    }
}
