// An auction for people, field by field, for a table and for a page.

package import Gavel
import GavelJSON

/// An auction for people, field by field; nil for what it does not have.
package func auctionFields(_ view: AuctionView) -> [(name: String, value: String?)] {
    let outcome = view.outcome.map { ", \($0.jsonName)" } ?? ""
    let isOpen = view.status == .open || view.status == .scheduled
    let words = RulesInWords(view.rules, currency: view.currency)
    let reserve = view.isReserveMet.map { met in
        (words.reserve.map { $0 + ", " } ?? "") + (met ? "met" : "not met")
    }
    let hasFees = view.rules.fees != .none
    let extensions = view.extensions == 0 ? "" : ", extended by bids \(view.extensions)×"
    return [
        ("auction", view.auction.string),
        ("title", view.title.isEmpty ? nil : view.title),
        ("seller", view.seller.string),
        ("status", view.status.jsonName + outcome),
        ("price", view.price?.formatted(in: view.currency)),
        ("paid", hasFees ? view.paid?.formatted(in: view.currency) : nil),
        (view.winner == nil ? "leader" : "winner", view.leader?.string),
        ("minimum bid", isOpen ? view.minimumBid?.formatted(in: view.currency) : nil),
        ("buy now at", view.buyNowPrice?.formatted(in: view.currency)),
        ("bids", "\(view.bids), \(view.acceptedBids) accepted"),
        ("opens", view.opensAt.rfc3339),
        ("closes", view.closesAt.map { $0.rfc3339 + extensions }),
        ("rules", words.kind),
        ("steps", words.increments),
        ("reserve", reserve),
        ("buy now", words.buyNow),
        ("soft close", words.softClose),
        ("ends", words.duration),
        ("outage", words.outage),
        ("seller's fee", words.sellerFee),
        ("buyer's fee", words.buyerFee),
        ("cancelling", words.cancelPolicy),
    ]
}
