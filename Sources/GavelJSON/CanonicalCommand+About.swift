// What a command is about, by the names that people know.

package import AuctionDomain
import Gavel

extension CanonicalCommand {
    /// The auction, also one that is only being opened.
    func auctionID(names: some Names) -> AuctionID? {
        if case .openAuction(let opening) = self { return opening.auction }
        return auction.map { names.id(of: $0) }
    }

    /// What its amounts are in; nil where it has none and is about no auction.
    func currency(names: some Names) -> Currency? {
        switch self {
        case .charge(let payment), .withdraw(let payment): names.currency(of: payment.currency)
        case .openAuction(let opening): names.currency(of: opening.currency)
        case .placeBid, .buyNow, .closeAuction, .closeDue, .extendAuction, .cancelAuction,
            .extendOutage:
            auction.map { names.currency(of: $0) }
        case .createLedger, .openEngine, .rotateKey, .restoreLedger, .registerCurrency,
            .registerUser:
            nil
        }
    }

    /// How much it is about, where it is a bid or a payment.
    package var amount: Money? {
        switch self {
        case .charge(let payment), .withdraw(let payment): payment.amount
        case .placeBid(_, _, let amount): amount
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .registerCurrency,
            .registerUser, .openAuction, .buyNow, .closeAuction, .extendAuction, .cancelAuction,
            .extendOutage:
            nil
        }
    }

    /// What the payment provider calls a payment; nil of everything else.
    var reference: PaymentReference? {
        switch self {
        case .charge(let payment), .withdraw(let payment): payment.reference
        case .createLedger, .openEngine, .closeDue, .rotateKey, .restoreLedger, .registerCurrency,
            .registerUser, .openAuction, .placeBid, .buyNow, .closeAuction, .extendAuction,
            .cancelAuction, .extendOutage:
            nil
        }
    }
}
