// A wallet's past: its entries in pages, and what it held at a moment.
//
// Invariant: of an entry that touched several wallets only what it did to this one is shown: a
// bid that paid somebody back tells her that, and nothing of the bidder's money.
//
// A statement takes today's wallet and undoes the wallet's own movements since the moment, and
// does not replay the ledger as of then: that would read everybody's entries since a snapshot
// and build a second state of the whole ledger in memory for one wallet.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import Hummingbird

extension PaymentRoutes {
    static let histories = [history, historyOf, statement, statementOf]

    private static let history = Route(
        operation: historyOperation(
            path: "/wallet/history", id: "getWalletHistory",
            summary: "Lists what happened to the caller's wallet", problems: [])
    ) { call in
        try await call.walletHistory(of: try call.caller.user)
    }

    private static let historyOf = Route(
        operation: historyOperation(
            path: "/wallets/{user}/history", id: "getWalletHistoryOf",
            summary: "Lists what happened to a wallet, to its owner, operators and auditors",
            problems: [.notYours])
    ) { call in
        try await call.walletHistory(of: try call.ownerInPath())
    }

    private static func historyOperation(
        path: String, id: String, summary: String, problems: [ProblemKind]
    ) -> Operation {
        Operation(
            method: .get, path: path, id: id, tag: .payments, summary: summary,
            detail: "One item for each entry of the log that touched the wallet, with its "
                + "movements: none for the user's rejected commands and for bids that locked "
                + "nothing. All movements of a wallet, added up, are its balances.",
            isRead: true, parameters: [.direction] + Operation.Parameter.page,
            answer: .init(schema: .page(.reference("WalletEntry"))),
            problems: problems + [ProblemKind(.userNotFound), .badCursor, .busy])
    }

    private static let statement = Route(
        operation: statementOperation(
            path: "/wallet/statement", id: "getStatement",
            summary: "Gives the caller's wallet as it was at a moment", problems: [])
    ) { call in
        try await call.statement(of: try call.caller.user)
    }

    private static let statementOf = Route(
        operation: statementOperation(
            path: "/wallets/{user}/statement", id: "getStatementOf",
            summary: "Gives a wallet as it was at a moment, to its owner, operators and auditors",
            problems: [.notYours])
    ) { call in
        try await call.statement(of: try call.ownerInPath())
    }

    private static func statementOperation(
        path: String, id: String, summary: String, problems: [ProblemKind]
    ) -> Operation {
        Operation(
            method: .get, path: path, id: id, tag: .payments, summary: summary,
            detail: "Balances and holds after all entries up to the moment, those at the very "
                + "time included. `reflects` says how many for a position; for a time it is how "
                + "many there are now, since when others' entries were made is not told. A "
                + "currency of which the wallet had nothing then is left out.",
            isRead: true,
            parameters: [
                .init(
                    name: "at", schema: .either([.time, .string(pattern: "^[0-9]{1,20}$")]),
                    detail: "A time (RFC 3339), or a position: after that entry.",
                    isRequired: true)
            ],
            answer: .init(schema: .reference("Wallet"), example: walletExample),
            problems: problems + [ProblemKind(.userNotFound), .momentAhead, .busy])
    }
}

extension Call {
    fileprivate func walletHistory(of user: UserID) async throws -> Response {
        let direction = try direction()
        let cursor = try parameter("cursor")
        let limit = try pageLimit()
        let (ledger, binding) = (ledger, binding())
        let page = try await asking(.userNotFound, direction) { () throws(LedgerError) in
            try ledger.history(
                of: .wallet(user), direction, after: cursor, limit: limit, boundTo: binding)
        }
        guard let handle = ledger.reading.handle(of: user) else {
            throw Problem(.userNotFound)
        }
        return Response(reflecting: page.reflects) { writer in
            writer.page(page) { $0.walletEntry($1, of: handle, in: ledger) }
        }
    }

    fileprivate func statement(of user: UserID) async throws -> Response {
        let moment = try moment("at")
        let ledger = ledger
        let answer = try await askingSlowly(.userNotFound) { () throws(LedgerError) in
            try ledger.wallet(user, asOf: moment)
        }
        switch moment {
        case .position: return Response(wallet: answer.value, reflects: answer.reflects)
        // Between which entries a time lies would tell when those of others were made.
        case .time: return Response(wallet: answer.value, reflects: ledger.reflects)
        }
    }

    /// A parameter that is a position or a time of the past.
    private func moment(_ name: String) throws(Problem) -> LedgerReader.Moment {
        let text = try parameter(name) ?? ""
        if let position = UInt64(text), !text.hasPrefix("+") {
            guard position < ledger.reflects else {
                throw Problem(
                    .momentAhead, "there are \(ledger.reflects) entries, none at \(position)")
            }
            return .position(position)
        }
        let time: Timestamp
        do { time = try Timestamp(rfc3339: text) } catch {
            throw Problem(
                .parameterMalformed,
                "\(name) must be a time (RFC 3339) or a position: \(error.reason)")
        }
        guard time <= ledger.now else {
            throw Problem(.momentAhead, "it is \(ledger.now.rfc3339) now")
        }
        return .time(time)
    }
}

extension JSONWriter {
    /// Writes what an entry did to one wallet.
    fileprivate mutating func walletEntry(
        _ entry: LedgerEntry, of user: UserHandle, in ledger: Ledger
    ) {
        let names = ledger.reading
        let isOwn = entry.command.user == user || entry.actor == .user(user)
        object { object in
            object.field("position", entry.position)
            object.field("time", entry.time)
            object.field("command", entry.command.jsonName)
            object.field("own", isOwn)
            object.field("auction", entry.command.auction.map { names.id(of: $0) })
            object.field("amount", isOwn ? entry.command.amount : nil)
            object.name("rejection")
            if isOwn, let rejection = entry.outcome.rejection {
                object.object { object in
                    object.field("code", rejection.code.name)
                    object.field("number", rejection.code.rawValue)
                    object.field(
                        "limit", rejection.code.limitName == nil ? nil : rejection.limit)
                }
            } else {
                object.null()
            }
            object.name("movements")
            object.array { array in
                for movement in ledger.movements(in: entry, of: user) {
                    array.walletMovement(movement, names: names)
                }
            }
        }
    }

    private mutating func walletMovement(_ movement: WalletView.Movement, names: some Names) {
        object { object in
            object.field("kind", movement.kind.jsonName)
            object.field("currency", names.currency(of: movement.currency).code)
            object.field("amount", movement.amount)
            object.field("available", movement.available)
            object.field("locked", movement.locked)
            object.field("auction", movement.auction.map { names.id(of: $0) })
            object.field("reference", movement.kind.reference)
            object.field("reason", movement.kind.reason?.jsonName)
        }
    }
}
