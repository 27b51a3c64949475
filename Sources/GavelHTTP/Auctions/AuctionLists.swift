// Lists of auctions: the market place, and a user's own bids, wins and sales.
//
// A list is filtered by the ledger, but for the category, which the ledger does not know: rows of
// other categories are left out of the ledger's pages, at most `rowsMax` rows a call.
//
// Invariants: who bid where is asked for oneself or by staff only, since a bid that was rejected
// counts there; a row shows what anyone may see, and `mine` is the caller's own.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import Hummingbird

extension AuctionRoutes {
    static let lists = [list, myBids, myWins, mySales]

    private static let list = Route(
        operation: Operation(
            method: .get, path: "/auctions", id: "listAuctions", tag: .auctions,
            summary: "Lists auctions, each with its seller's public profile",
            detail: "Lists by seller or bidder are always the newest first. Which auctions a "
                + "user has bid in is told to herself, operators and auditors.",
            access: .anyone, isRead: true,
            parameters: [
                .init(
                    name: "status", schema: .word(PublicAuction.Status.allCases.map(\.rawValue)),
                    detail: "Only auctions of this status."),
                .init(
                    name: "seller", schema: .identifier, detail: "A user, or `me`."),
                .init(
                    name: "bidder", schema: .identifier,
                    detail: "`me`; for operators and auditors any user."),
                .init(
                    name: "outcome", schema: .word(AuctionOutcome.allCases.map(\.jsonName)),
                    detail: "Only closed auctions with this outcome."),
                .init(
                    name: "buy_now", schema: .word(["true", "false"]),
                    detail: "Only auctions that can, or cannot, be bought now."),
                .init(
                    name: "reserve_met", schema: .word(["true", "false"]),
                    detail: "Only auctions with a reserve that is, or is not, met."),
                .init(
                    name: "category", schema: .identifier, detail: "Only lots of this category."),
                .init(
                    name: "title", schema: .string(min: 1, max: AuctionDomain.Limits.titleBytesMax),
                    detail: "A piece of the title, in upper or lower case."),
                .init(
                    name: "order", schema: .word(AuctionFilter.Order.allCases.map(\.rawValue)),
                    detail: "`opening` where it is not given; `ending_soon` has only auctions "
                        + "that are open and that time will end."),
            ] + Operation.Parameter.page,
            answer: .init(schema: .page(.reference("AuctionListing"))),
            problems: [
                .tokenMissing, .notYours, .badCursor, .busy, ProblemKind(.userNotFound),
            ])
    ) { call in
        try await call.list(try call.filter(), isOwn: false)
    }

    private static let myBids = Route(
        operation: ownOperation(
            path: "/me/bids", id: "listMyBids",
            summary: "Lists the auctions the caller has bid in, the newest first",
            item: "MyAuction")
    ) { call in
        try await call.list(AuctionFilter(bidder: try call.caller.user), isOwn: true)
    }

    private static let myWins = Route(
        operation: ownOperation(
            path: "/me/wins", id: "listMyWins",
            summary: "Lists the auctions the caller has won, the newest first",
            item: "MyAuction")
    ) { call in
        try await call.list(AuctionFilter(winner: try call.caller.user), isOwn: true)
    }

    private static let mySales = Route(
        operation: ownOperation(
            path: "/me/sales", id: "listMySales",
            summary: "Lists the caller's auctions, the newest first", item: "AuctionListing")
    ) { call in
        try await call.list(AuctionFilter(seller: try call.caller.user), isOwn: false)
    }

    private static func ownOperation(
        path: String, id: String, summary: String, item: String
    ) -> Operation {
        Operation(
            method: .get, path: path, id: id, tag: .auctions, summary: summary, isRead: true,
            parameters: Operation.Parameter.page,
            answer: .init(schema: .page(.reference(item))),
            problems: [.badCursor, ProblemKind(.userNotFound)])
    }
}

extension Call {
    /// How many rows are looked at for a category before the caller is given what there is.
    private static var rowsMax: Int { 2000 }

    fileprivate func filter() throws(Problem) -> AuctionFilter {
        var filter = AuctionFilter(
            status: try word("status", PublicAuction.Status.allCases.map { ($0.rawValue, $0) }),
            seller: try user("seller"), bidder: try user("bidder"),
            outcome: try word("outcome", AuctionOutcome.allCases.map { ($0.jsonName, $0) }),
            isBuyNow: try flag("buy_now"), isReserveMet: try flag("reserve_met"))
        filter.order =
            try word("order", AuctionFilter.Order.allCases.map { ($0.rawValue, $0) }) ?? .opening
        filter.titleContains = try parameter("title")
        if let title = filter.titleContains,
            title.isEmpty || title.utf8.count > AuctionDomain.Limits.titleBytesMax
        {
            throw Problem(
                .parameterMalformed,
                "title must have 1 to \(AuctionDomain.Limits.titleBytesMax) bytes")
        }
        if let bidder = filter.bidder {
            let caller = try caller
            guard bidder == caller.user || caller.readsEverything else {
                throw Problem(.notYours, "only \(bidder) may see this")
            }
        }
        return filter
    }

    /// Answers with a page of a list.
    /// - Parameter isOwn: whether each row says where the caller stands.
    fileprivate func list(_ filter: AuctionFilter, isOwn: Bool) async throws -> Response {
        let limit = try pageLimit()
        let cursor = try parameter("cursor")
        let user = isOwn ? try caller.user : nil
        let category =
            try query.isEmpty ? nil : identifier("category", as: LotCategory.self)
        let ask = { @Sendable () throws -> Page<AuctionListing> in
            if let category {
                return try self.page(filter, of: category, after: cursor, limit: limit)
            }
            return try self.asking(.userNotFound) { () throws(LedgerError) in
                try self.ledger.listings(
                    filter, for: user, after: cursor, limit: limit, boundTo: self.binding())
            }
        }
        // What may look at very many auctions waits for its turn.
        let isSlow = category != nil || filter.titleContains != nil
        let page = try isSlow ? await slowly(ask) : ask()
        let profiles = try service.accounts.profiles(of: page.items.map(\.seller))
        let categories = service.store.lots.categories(of: page.items.lazy.map(\.auction))
        var writer = JSONWriter()
        writer.reserve(256 + 640 * page.items.count)
        writer.object { object in
            object.name("items")
            object.array { array in
                for (row, category) in zip(page.items, categories) {
                    array.object { object in
                        object.fields(
                            of: row.publicView, profile: profiles[row.seller],
                            category: category)
                        if isOwn { object.standing(row.standing) }
                    }
                }
            }
            object.field("cursor", page.cursor)
            object.field("reflects", page.reflects)
        }
        var response = Response(json: writer)
        response.headers[.gavelPosition] = String(page.reflects)
        return response
    }

    /// A page of the lots of one category, to which its cursor is bound.
    private func page(
        _ filter: AuctionFilter, of category: LotCategory, after cursor: String?, limit: Int
    ) throws -> Page<AuctionListing> {
        let binding = binding("category \(category)")
        var place = cursor
        var items: [AuctionListing] = []
        var looked = 0
        var reflects: UInt64?
        repeat {
            let page = try asking(.userNotFound) { () throws(LedgerError) in
                try ledger.listings(filter, after: place, limit: 500, boundTo: binding)
            }
            reflects = reflects ?? page.reflects
            place = page.cursor
            let categories = service.store.lots.categories(of: page.items.lazy.map(\.auction))
            for (row, found) in zip(page.items, categories) where found == category.string {
                items.append(row)
                guard items.count == limit else { continue }
                place = ledger.cursor(after: row, of: filter, boundTo: binding)
                break
            }
            // A page that matched little has looked at far more than it shows.
            looked += page.items.count < 500 ? Self.rowsMax : 500
        } while place != nil && items.count < limit && looked < Self.rowsMax
        return Page(items: items, cursor: place, reflects: reflects ?? 0)
    }
}
