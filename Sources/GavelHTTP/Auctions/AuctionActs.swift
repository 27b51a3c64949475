// Bidding, buying, closing, cancelling, extending.
//
// Invariant: a user bids and buys for herself alone, whatever her roles; what the house's staff
// does with an auction it does as the house.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import Hummingbird
internal import Logging

extension AuctionRoutes {
    static let acts = [bid, buy, close, cancel, extend]
    static let closings = [confirmClosings, holdClosings]

    private static let biddingRejections: [Rejection.Code] = [
        .sellerCannotBid, .notPermitted, .auctionNotOpen, .auctionEnded, .auctionCancelled,
        .exceedsAvailable,
    ]

    private static let bid = Route(
        operation: Operation(
            method: .post, path: "/auctions/{auction}/bid", id: "placeBid", tag: .auctions,
            summary: "Places a bid",
            detail: "With proxy bidding the amount is the caller's maximum. The answer says "
                + "where the auction and the caller stand now, which a later bid may have "
                + "changed already.",
            isWrite: true,
            body: .init(
                schema: .object([.init("amount", .integer(min: 1), "In minor units.")]),
                example: .members(("amount", .integer(1_500)))),
            answer: .init(
                status: 201,
                schema: .receipt([
                    .init("auction", .reference("AuctionBrief")),
                    .init("leading", .boolean), .init("hold", .money),
                ]), example: bidExample, detail: "Accepted."),
            problems: ProblemKind.kinds(
                [.userNotFound, .auctionNotFound, .closingHeld],
                biddingRejections + [
                    .bidBelowOpening, .bidBelowMinimum, .bidNotAboveOwnMaximum, .overflowsPrice,
                ]) + [.tooManyCommands])
    ) { call in
        let auction = try call.path("auction", as: AuctionID.self)
        let bidder = try call.caller.user
        let receipt = try await call.submit(
            try call.bid(auction, bidder), by: .user(bidder))
        let now = try call.ledger.listing(auction, for: bidder)
        return try call.answer(receipt, status: .created) { object in
            object.brief(now.value.publicView)
            object.field("leading", now.value.standing?.isLeading ?? false)
            object.field("hold", now.value.standing?.hold ?? .zero)
        }
    }

    private static let buy = Route(
        operation: Operation(
            method: .post, path: "/auctions/{auction}/buy", id: "buyNow", tag: .auctions,
            summary: "Buys the lot at its buy-now price",
            isWrite: true, body: emptyBody, answer: closed,
            problems: ProblemKind.kinds(
                [.userNotFound, .auctionNotFound, .closingHeld],
                biddingRejections + [.buyNowNotOffered, .buyNowEnded]))
    ) { call in
        let auction = try call.path("auction", as: AuctionID.self)
        let buyer = try call.caller.user
        let command = try call.command(
            "buy_now", fixed: ("auction", .string(auction.string)),
            ("buyer", .string(buyer.string)))
        return try call.closed(try await call.submit(command, by: .user(buyer)), auction)
    }

    private static let close = Route(
        operation: Operation(
            method: .post, path: "/auctions/{auction}/close", id: "closeAuction", tag: .auctions,
            summary: "Asks for the outcome after the end, or ends the auction now",
            detail: "After the end anyone's close is answered with the outcome. Before it, "
                + "`hammer` ends the auction: for its seller and operators.",
            isWrite: true,
            body: .init(
                schema: .object([.optional("hammer", .boolean)]),
                example: .members(("hammer", .bool(true))), isOptional: true),
            answer: closed,
            problems: ProblemKind.kinds(
                [.userNotFound, .auctionNotFound, .closingHeld],
                [.notPermitted, .auctionNotOpen, .auctionCancelled, .auctionNotEnded])
                + [.tooManyCommands])
    ) { call in
        let auction = try call.path("auction", as: AuctionID.self)
        let command = try call.command(
            "close_auction", fixed: ("auction", .string(auction.string)))
        return try call.closed(
            try await call.submit(command, by: try call.staffActor), auction)
    }

    private static let cancel = Route(
        operation: Operation(
            method: .post, path: "/auctions/{auction}/cancel", id: "cancelAuction",
            tag: .auctions, summary: "Ends the auction without a sale; every hold goes back",
            detail: "For operators, and for its seller as the auction's rules permit. The reason "
                + "is public.",
            isWrite: true,
            body: .init(
                schema: .object([
                    .optional("reason", .string(max: AuctionDomain.Limits.reasonBytesMax))
                ]), example: .members(("reason", .string("damaged"))), isOptional: true),
            answer: changed,
            problems: ProblemKind.kinds(
                [.userNotFound, .auctionNotFound],
                [.notPermitted, .auctionCancelled, .auctionAlreadyClosed, .auctionHasBids]))
    ) { call in
        let auction = try call.path("auction", as: AuctionID.self)
        let command = try call.command(
            "cancel_auction", fixed: ("auction", .string(auction.string)))
        return try call.changed(
            try await call.submit(command, by: try call.staffActor), auction)
    }

    private static let extend = Route(
        operation: Operation(
            method: .post, path: "/auctions/{auction}/extend", id: "extendAuction",
            tag: .auctions, summary: "Gives the auction a later end", access: .roles(.operator),
            isWrite: true,
            body: .init(
                schema: .object([.init("closes_at", .time)]),
                example: .members(("closes_at", .string("2030-05-01T21:00:00Z")))),
            answer: changed,
            problems: ProblemKind.kinds(
                [.auctionNotFound],
                [.notPermitted, .auctionCancelled, .auctionAlreadyClosed, .closesAtTooEarly]))
    ) { call in
        let auction = try call.path("auction", as: AuctionID.self)
        let command = try call.command(
            "extend_auction", fixed: ("auction", .string(auction.string)))
        return try call.changed(try await call.submit(command, by: .operator), auction)
    }

    // MARK: Closings of the whole house

    private static let confirmClosings = Route(
        operation: closingsOperation(
            path: "/closings/confirm", id: "confirmClosings",
            summary: "Lets auctions close again after closings were held", answer: "automatic")
    ) { call in
        try await call.ledger.confirmClosings()
        return call.closings("automatic")
    }

    private static let holdClosings = Route(
        operation: closingsOperation(
            path: "/closings/hold", id: "holdClosings",
            summary: "Stops closing auctions, and taking bids, until closings are confirmed",
            answer: "held")
    ) { call in
        try await call.ledger.holdClosings()
        return call.closings("held")
    }

    private static func closingsOperation(
        path: String, id: String, summary: String, answer: String
    ) -> Operation {
        Operation(
            method: .post, path: path, id: id, tag: .auctions, summary: summary,
            detail: "Writes no entry and needs no key: doing it twice is doing it once.",
            access: .roles(.operator),
            answer: .init(schema: .object([.init("closings", .word([answer]))])),
            problems: ProblemKind.kinds([.shuttingDown]) + [.outcomeUnknown])
    }

    // MARK: Bodies and answers

    private static let emptyBody = Operation.Body(
        schema: .object([]), example: .object([]), isOptional: true)
    private static let closed = Operation.Answer(
        schema: .receipt([
            .init("outcome", .nullable(.word(AuctionOutcome.allCases.map(\.jsonName)))),
            .init("winner", .nullable(.identifier)),
            .init("price", .nullable(.money), "The hammer price."),
        ]), detail: "Closed.")
    private static let changed = Operation.Answer(
        schema: .receipt([.init("auction", .reference("AuctionBrief"))]))
}

extension Call {
    /// The bid in the body: nearly always one member, and then read without a detour.
    fileprivate func bid(_ auction: AuctionID, _ bidder: UserID) throws(Problem) -> Command {
        let members = try members()
        if members.count == 1, members[0].name == "amount",
            case .integer(let amount) = members[0].value, amount > 0
        {
            return .placeBid(
                auction: auction, bidder: bidder, amount: Money(minorUnits: amount))
        }
        return try command(
            "place_bid", fixed: ("auction", .string(auction.string)),
            ("bidder", .string(bidder.string)), own: members)
    }

    fileprivate func closed(_ receipt: Receipt, _ auction: AuctionID) throws -> Response {
        let now = try ledger.listing(auction).value.publicView
        return try answer(receipt) { object in
            object.field("outcome", now.outcome?.jsonName)
            object.field("winner", now.winner)
            object.field("price", now.price)
        }
    }

    fileprivate func changed(_ receipt: Receipt, _ auction: AuctionID) throws -> Response {
        let now = try ledger.listing(auction).value.publicView
        return try answer(receipt) { $0.brief(now) }
    }

    fileprivate func closings(_ state: String) -> Response {
        logger.notice(
            "closings were changed",
            metadata: ["closings": "\(state)", "by": "\(signedIn?.user.string ?? "")"])
        var writer = JSONWriter()
        writer.object { $0.field("closings", state) }
        return Response(json: writer)
    }
}
