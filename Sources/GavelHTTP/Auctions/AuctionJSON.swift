// Auctions as the service shows them: what anyone may see, with the seller's profile and what the
// service knows of the lot; and what the caller alone may see of an own bid.
//
// Invariant: what is written of an auction comes from `PublicAuction` and `PublicAuction.Detail`,
// which hold no secret; `mine` is the caller's own.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON

/// One auction with everything public about it.
struct AuctionDetail: Sendable {
    let open: PublicAuction.Detail
    let seller: [UInt8]
    let lot: LotRow?

    init(_ open: PublicAuction.Detail, _ service: AuctionService) throws {
        self.open = open
        let user = open.auction.seller
        seller = try service.accounts.profiles(of: [user])[user] ?? []
        lot = try service.store.lot(open.auction.auction)
    }
}

extension JSONWriter {
    mutating func fields(of detail: AuctionDetail) {
        fields(
            of: detail.open.auction, profile: detail.seller, category: detail.lot?.category)
        furtherFields(of: detail.open)
        field("description", detail.lot?.description)
        field("described_at", detail.lot?.describedAt)
    }

    /// Writes a row of a list.
    mutating func fields(of auction: PublicAuction, profile: [UInt8]?, category: String?) {
        fields(of: auction)
        field("title", auction.title)
        name("seller")
        if let profile { raw(profile) } else { null() }
        field("category", category)
    }

    /// Writes where an auction stands after a command about it.
    mutating func brief(_ auction: PublicAuction) {
        name("auction")
        object { $0.fields(of: auction) }
    }

    /// Writes where an auction stands, as streams tell it.
    mutating func live(_ auction: PublicAuction, reflects: UInt64) {
        object { object in
            object.fields(of: auction)
            object.field("reflects", reflects)
        }
    }

    /// Writes where the caller stands; null where she never bid.
    mutating func standing(_ standing: AuctionListing.Standing?) {
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
