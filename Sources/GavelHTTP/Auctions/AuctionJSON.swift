// Auctions as the service shows them: what anyone may see, with the seller's profile and what the
// service knows of the lot; and what the caller alone may see of an own bid.
//
// Invariant: `bids` counts accepted bids: that a bid was rejected is between its bidder and the
// house.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON

/// One auction with everything public about it.
struct AuctionDetail: Sendable {
    let view: AuctionView
    let seller: [UInt8]
    let lot: LotRow?

    init(_ view: AuctionView, _ service: AuctionService) throws {
        self.view = view.publicView
        seller = try service.accounts.profiles(of: [view.seller])[view.seller] ?? []
        lot = try service.store.lot(view.auction)
    }
}

extension JSONWriter {
    mutating func fields(of detail: AuctionDetail) {
        let view = detail.view
        field("auction", view.auction)
        field("title", view.title)
        name("seller")
        raw(detail.seller)
        field("currency", view.currency.code)
        field("scale", view.currency.scale)
        field("status", view.status.jsonName)
        field("outcome", view.outcome?.jsonName)
        field("winner", view.winner)
        field("leader", view.leader)
        field("price", view.price)
        field("paid", view.paid)
        field("minimum_bid", view.minimumBid)
        field("buy_now_price", view.buyNowPrice)
        field("reserve_met", view.isReserveMet)
        field("bids", view.acceptedBids)
        field("opens_at", view.opensAt)
        field("closes_at", view.closesAt)
        field("extensions", view.extensions)
        name("rules")
        rules(view.rules, isComplete: true)
        field("description", detail.lot?.description)
        field("category", detail.lot?.category)
        field("described_at", detail.lot?.describedAt)
        field("opened_position", view.openedPosition)
        field("closed_position", view.closedPosition)
    }

    /// Writes a row of a list.
    mutating func fields(of row: AuctionListing, profile: [UInt8]?, category: String?) {
        field("auction", row.auction)
        field("title", row.title)
        name("seller")
        if let profile { raw(profile) } else { null() }
        field("currency", row.currency.code)
        field("scale", row.currency.scale)
        field("status", row.status.jsonName)
        field("outcome", row.outcome?.jsonName)
        field("winner", row.winner)
        field("price", row.price)
        field("minimum_bid", row.minimumBid)
        field("buy_now_price", row.buyNowPrice)
        field("reserve_met", row.isReserveMet)
        field("bids", row.acceptedBids)
        field("opens_at", row.opensAt)
        field("closes_at", row.closesAt)
        field("category", category)
    }

    /// Writes where an auction stands after a command about it.
    mutating func brief(_ row: AuctionListing) {
        name("auction")
        object { object in
            object.field("auction", row.auction)
            object.field("status", row.status.jsonName)
            object.field("price", row.price)
            object.field("leader", row.leader)
            object.field("minimum_bid", row.minimumBid)
            object.field("closes_at", row.closesAt)
            object.field("bids", row.acceptedBids)
        }
    }

    /// Writes where the caller stands; null where she never bid.
    mutating func standing(_ standing: BidderStanding?) {
        name("mine")
        guard let standing else { return null() }
        object { object in
            object.field("leading", standing.isLeading)
            object.field("won", standing.hasWon)
            object.field("hold", standing.hold)
            object.field("maximum", standing.maximum)
        }
    }
}
