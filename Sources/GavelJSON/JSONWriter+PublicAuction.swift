// Auctions as anyone may see them, as JSON: one function for what a row, a brief, an event of a
// stream and a page about one auction all show of it, and one for what the page has beyond that.
// Shapes are constant: what an auction does not have is null.

internal import AuctionDomain
public import Gavel

extension JSONWriter {
    /// Writes what is shown of an auction wherever one is shown:
    ///
    ///     "auction":"lot-1","currency":"USD","scale":2,"status":"open","outcome":null,
    ///     "winner":null,"leader":"alice","price":1500,"minimum_bid":1600,"buy_now_price":null,
    ///     "reserve_met":true,"bids":2,"opens_at":"…","closes_at":"…"
    public mutating func fields(of auction: PublicAuction) {
        field("auction", auction.auction)
        standing(
            in: auction.currency, auction.status, auction.outcome, winner: auction.winner,
            leader: auction.leader, price: auction.price)
        field("minimum_bid", auction.minimumBid)
        field("buy_now_price", auction.buyNowPrice)
        field("reserve_met", auction.isReserveMet)
        field("bids", auction.bids)
        field("opens_at", auction.opensAt)
        field("closes_at", auction.closesAt)
    }

    /// Writes what a page about one auction shows beyond `fields(of:)`:
    ///
    ///     "paid":null,"extensions":0,"rules":{…},"opened_position":7,"closed_position":null
    public mutating func furtherFields(of detail: PublicAuction.Detail) {
        field("paid", detail.paid)
        field("extensions", detail.extensions)
        origin(detail.rules, opened: detail.openedPosition, closed: detail.closedPosition)
    }
}
