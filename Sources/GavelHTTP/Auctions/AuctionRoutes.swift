// Opening auctions and saying what their lots are.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

/// The routes of auctions.
enum AuctionRoutes {
    static let routes: [Route] = [open, describe] + lists + reads + acts + closings

    private static let open = Route(
        operation: Operation(
            method: .post, path: "/auctions", id: "openAuction", tag: .auctions,
            summary: "Opens an auction",
            detail: "The caller sells; an operator may name another seller. Without a name the "
                + "auction gets one that a repeated call gets again; `.` and `..` are no names. "
                + "Description and category stand beside the ledger; sent again after a crash, the "
                + "call completes them, unless there is a bid already.",
            isWrite: true,
            body: .init(
                schema: .reference("Opening"),
                example: .members(
                    ("title", .string("A clock")), ("currency", .string("USD")),
                    ("closes_at", .string("2030-05-01T20:00:00Z")),
                    (
                        "rules",
                        .members(("opening_price", .integer(100)), ("proxy", .bool(true)))
                    ),
                    ("description", .string("It runs.")), ("category", .string("clocks")))),
            answer: .init(
                status: 201,
                schema: .receipt([.init("auction", .object(detailProperties))]),
                detail: "Opened; Location says where it is."),
            problems: [.notYours, .tooManyCommands, .accountClosed]
                + ProblemKind.kinds(
                    [.userNotFound, .currencyNotFound],
                    [.notPermitted, .auctionAlreadyOpened, .closesAtTooEarly]))
    ) { call in
        try await call.openAuction()
    }

    private static let describe = Route(
        operation: Operation(
            method: .patch, path: "/auctions/{auction}", id: "describeAuction", tag: .auctions,
            summary: "Changes a lot's description or category, until the first bid",
            detail: "For its seller and operators. The change is made only if the ledger shows "
                + "no accepted bid at the moment it is written. A bid that is on its way at that "
                + "moment may have been made before the change was seen: `described_at` tells "
                + "how many entries the ledger had, so every bid at that position or a later "
                + "one stands after the change. A member that is null is taken away.",
            body: .init(
                schema: .object([
                    .optional(
                        "description",
                        .nullable(.string(max: LotWords.descriptionBytesMax)),
                        "At most 8,192 bytes of UTF-8."),
                    .optional("category", .nullable(.identifier)),
                ]), example: .members(("description", .string("It runs, and strikes.")))),
            answer: .init(schema: .object(detailProperties + [.init("reflects", .position)])),
            problems: [.notYours, .descriptionFrozen, ProblemKind(.auctionNotFound)])
    ) { call in
        try await call.describeAuction()
    }
}

extension Call {
    fileprivate func openAuction() async throws -> Response {
        let caller = try caller
        let key = try idempotencyKey
        var members = try members()
        let words = try LotWords(taking: &members)
        let seller = try seller(taking: &members, caller)
        let auction =
            members.take("auction")
            ?? .string(service.commandIDs.auctionName(of: key, by: caller.user).string)
        members.append(JSONMember("auction", auction))
        let command = try command(
            "open_auction", fixed: ("seller", .string(seller.string)), own: members,
            besides: ["seller", "description", "category"])
        guard case .openAuction(let opening) = command else { throw Problem(.internalError) }
        guard !opening.auction.isDots else {
            throw Problem(
                .malformed,
                "auction must not be \(opening.auction): no address can have that for a part")
        }
        let actor: LedgerActor = seller == caller.user ? .user(seller) : .operator
        let receipt = try await submit(command, by: actor, for: seller)
        let ledger = ledger
        let name = opening.auction
        try await service.store.describeOpened(
            name, words, isFrozen: { (try? ledger.listing(name).value.bids) != 0 },
            describedAt: ledger.reflects)
        let view = try asking(.auctionNotFound) { () throws(LedgerError) in
            try ledger.auction(name)
        }
        let detail = try AuctionDetail(view.value.publicView, service)
        var response = try answer(receipt, status: .created) { object in
            object.name("auction")
            object.object { $0.fields(of: detail) }
        }
        response.headers[.location] = "/auctions/\(name)"
        return response
    }

    /// Who sells: the caller, or whom an operator names.
    private func seller(
        taking members: inout [JSONMember], _ caller: Caller
    ) throws(Problem) -> UserID {
        guard let value = members.take("seller") else { return caller.user }
        guard case .string(let text) = value, let seller = try? UserID(text) else {
            throw Problem(.malformed, "seller must be a user")
        }
        guard seller == caller.user || caller.roles.contains(.operator) else {
            throw Problem(.notYours, "only an operator opens an auction for another seller")
        }
        return seller
    }

    fileprivate func describeAuction() async throws -> Response {
        let auction = try path("auction", as: AuctionID.self)
        let caller = try caller
        let ledger = ledger
        var members = try members()
        let words = try LotWords(taking: &members)
        if let other = members.first {
            throw Problem(
                .malformed,
                "unknown field \(other.name.debugDescription), expected description or category")
        }
        let seller = try asking(.auctionNotFound) { () throws(LedgerError) in
            try ledger.listing(auction).value.seller
        }
        guard seller == caller.user || caller.roles.contains(.operator) else {
            throw Problem(.notYours, "this is an auction of \(seller)")
        }
        try await service.store.describe(auction, words) {
            let now = try ledger.listing(auction)
            guard now.value.bids == 0 else { throw Problem(.descriptionFrozen) }
            guard now.value.status == .open || now.value.status == .scheduled else {
                throw Problem(.descriptionFrozen, "the auction is \(now.value.status.rawValue)")
            }
            return now.reflects
        }
        // Sellers may have said more than they wanted to.
        await service.members.eraseUnused()
        let view = try ledger.auction(auction)
        let detail = try AuctionDetail(view.value.publicView, service)
        return Response(reflecting: view.reflects) { writer in
            writer.object { object in
                object.fields(of: detail)
                object.field("reflects", view.reflects)
            }
        }
    }
}

extension AuctionID {
    /// Whether clients and proxies would take the name in a path for the place itself, or the one
    /// above it. An engine's auctions may have such a name.
    fileprivate var isDots: Bool { string == "." || string == ".." }
}

extension LotWords {
    /// Takes description and category out of a body.
    init(taking members: inout [JSONMember]) throws(Problem) {
        description = try Self.text("description", &members)
        category = try Self.text("category", &members)
        if let text = description ?? nil, text.utf8.count > Self.descriptionBytesMax {
            throw Problem(
                .malformed,
                "description must have at most \(Self.descriptionBytesMax) bytes, "
                    + "not \(text.utf8.count)")
        }
        if let text = category ?? nil {
            do { _ = try LotCategory(text) } catch {
                throw Problem(.malformed, "category: \(error.reason)")
            }
        }
    }

    private static func text(
        _ name: String, _ members: inout [JSONMember]
    ) throws(Problem) -> String?? {
        switch members.take(name) {
        case nil: return nil
        case .null?: return .some(nil)
        case .string(let text)?: return text
        default: throw Problem(.malformed, "\(name) must be a string or null")
        }
    }
}

extension [JSONMember] {
    /// Takes a member out; nil where there is none of the name.
    fileprivate mutating func take(_ name: String) -> JSONValue? {
        guard let index = firstIndex(where: { $0.name == name }) else { return nil }
        return remove(at: index).value
    }
}
