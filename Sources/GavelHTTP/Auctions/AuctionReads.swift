// One auction: as it stands, its bids, its story.
//
// Invariant: bids and story are made of `PublicBid` and `PublicStep`, which hold no rejected bid
// and, with proxy bidding, no amount that somebody was ready to pay.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import Hummingbird

extension AuctionRoutes {
    static let reads = [get, bids, story]

    private static let get = Route(
        operation: Operation(
            method: .get, path: "/auctions/{auction}", id: "getAuction", tag: .auctions,
            summary: "Gives an auction with its rules and its lot's description",
            detail: "The reserve is null until the auction was closed. `mine` tells a caller who "
                + "has bid where she stands; it is null for everyone else.",
            access: .anyone, isRead: true,
            answer: .init(
                schema: .object(
                    detailProperties + [
                        .init("mine", .nullable(.reference("Standing"))),
                        .init("reflects", .position),
                    ])),
            problems: [ProblemKind(.auctionNotFound)])
    ) { call in
        let auction = try call.path("auction", as: AuctionID.self)
        let answer = try call.asking(.auctionNotFound) { () throws(LedgerError) in
            try call.ledger.overview(auction, for: call.signedIn?.user)
        }
        let detail = try AuctionDetail(answer.value.auction.publicView, call.service)
        return Response(reflecting: answer.reflects) { writer in
            writer.object { object in
                object.fields(of: detail)
                object.standing(answer.value.standing)
                object.field("reflects", answer.reflects)
            }
        }
    }

    private static let bids = Route(
        operation: Operation(
            method: .get, path: "/auctions/{auction}/bids", id: "listBids", tag: .auctions,
            summary: "Lists an auction's accepted bids",
            detail: "`amount` is null where bids are maxima (proxy bidding), in the caller's own "
                + "too: `mine` of the auction has the caller's while leading.",
            access: .anyone, isRead: true,
            parameters: [.direction] + Operation.Parameter.page,
            answer: .init(schema: .page(.reference("Bid"))),
            problems: [ProblemKind(.auctionNotFound), .badCursor, .busy])
    ) { call in
        try await call.bids()
    }

    private static let story = Route(
        operation: Operation(
            method: .get, path: "/auctions/{auction}/history", id: "getAuctionHistory",
            tag: .auctions,
            summary: "Tells an auction's story, oldest first, with the reason for every price",
            detail: "`price_reason` says no more than the price does: with proxy bidding "
                + "`proxy`, whatever the maxima and the reserve have made of it.",
            access: .anyone, isRead: true, parameters: Operation.Parameter.page,
            answer: .init(schema: .page(.reference("Step"))),
            problems: [ProblemKind(.auctionNotFound), .badCursor, .busy])
    ) { call in
        let auction = try call.path("auction", as: AuctionID.self)
        let (cursor, limit) = (try call.parameter("cursor"), try call.pageLimit())
        let (ledger, binding) = (call.ledger, call.binding())
        let page = try await call.askingSlowly(.auctionNotFound) { () throws(LedgerError) in
            try ledger.story(
                of: auction, acceptedOnly: true, after: cursor, limit: limit, boundTo: binding)
        }
        let steps = Page(
            items: page.items.compactMap(\.publicView), cursor: page.cursor,
            reflects: page.reflects)
        return Response(reflecting: page.reflects) { writer in
            writer.page(steps) { $0.publicStep($1, names: ledger.reading) }
        }
    }
}

extension Call {
    /// With more rejected bids than these a list of bids is not read on the tasks of all calls.
    private static var rejectedBidsMax: UInt64 { 10_000 }

    fileprivate func bids() async throws -> Response {
        let auction = try path("auction", as: AuctionID.self)
        let direction = try direction()
        let (cursor, limit) = (try parameter("cursor"), try pageLimit())
        let (ledger, binding) = (ledger, binding())
        let view = try asking(.auctionNotFound) { () throws(LedgerError) in
            try ledger.auction(auction).value
        }
        let showsAmount = view.rules.showsAmounts
        let read = { @Sendable () throws(LedgerError) in
            try ledger.history(
                of: .auction(auction), direction, selecting: .acceptedBids, after: cursor,
                limit: limit, boundTo: binding)
        }
        // Back over many rejected bids takes long, the first time.
        let page =
            view.bids - view.acceptedBids > Self.rejectedBidsMax
            ? try await askingSlowly(.auctionNotFound, read)
            : try await asking(.auctionNotFound, direction, read)
        let bids = Page(
            items: page.items.compactMap { entry in
                PublicBid(
                    entry.command, outcome: entry.outcome, showsAmount: showsAmount,
                    at: entry.point)
            }, cursor: page.cursor,
            reflects: page.reflects)
        return Response(reflecting: page.reflects) { writer in
            writer.page(bids) { $0.publicBid($1, names: ledger.reading) }
        }
    }
}
