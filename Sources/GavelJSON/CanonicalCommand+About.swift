// What a command is about, by the names that people know.

package import AuctionDomain
package import Gavel

extension CanonicalCommand {
    /// The auction, also one that is only being opened.
    func auctionID(names: some Names) -> AuctionID? {
        if case .openAuction(let opening) = self { return opening.auction }
        return auction.map { names.id(of: $0) }
    }

    /// What its amounts are in; nil where it has none and is about no auction.
    package func currency(names: some Names) -> Currency? {
        currency.map { names.currency(of: $0) } ?? auction.map { names.currency(of: $0) }
    }

    /// How much it is about, where it is a bid or a payment.
    package var amount: Money? { payment?.amount ?? bid?.amount }

    /// What the payment provider calls a payment; nil of everything else.
    var reference: PaymentReference? { payment?.reference }
}
