// From a call to the ledger and back: the one place where the service submits commands.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

extension Call {
    /// Submits the call's command and waits until it is judged and durable.
    /// - Returns: the receipt of an accepted command.
    /// - Throws: the problem of a rejection, a refusal, or a commit that failed.
    func submit(_ command: Command, by actor: LedgerActor) async throws(Problem) -> Receipt {
        let caller = try caller
        let id = service.commandIDs.id(of: try idempotencyKey, by: caller.user)
        let rejections = service.limits.rejections
        let user = caller.user
        guard rejections.secondsUntilFree(user) == nil else {
            throw rejections.problem(user, ProblemKind(.tooManyRejections))
        }
        // What the house and its provider do is not counted.
        var counted: RateLimit<UserID>?
        if case .user = actor {
            counted = try service.limits.check(command, by: user) { isLeast(command) }
        }
        let receipt: Receipt
        do { receipt = try await ledger.submit(command, id: id, by: actor) } catch {
            throw Problem(error as? LedgerError ?? LedgerError(.storage, "\(error)"))
        }
        service.meters.count(command, receipt)
        if receipt.status == .rejected, !receipt.isReplay { rejections.take(user) }
        if receipt.status != .accepted || receipt.isReplay { counted?.giveBack(user) }
        if let problem = Problem(receipt) { throw problem }
        return receipt
    }

    /// Submits a command about the affairs of a user who may be another than the caller. No account
    /// is closed while it is under way, and nothing is done for one that was closed before: what
    /// it got would be nobody's. A call that is repeated is answered with its first receipt
    /// all the same.
    /// - Throws: `accountClosed`; `busy` while the account is being closed.
    func submit(
        _ command: Command, by actor: LedgerActor, for user: UserID
    ) async throws -> Receipt {
        let caller = try caller
        let id = service.commandIDs.id(of: try idempotencyKey, by: caller.user)
        return try await service.gate.act(as: caller, for: user == caller.user ? nil : user) {
            if try service.accounts.account(of: user)?.status == .closed,
                try ledger.entry(withID: id, searchesAll: false) == nil
            {
                throw Problem(.accountClosed, "the account of \(user) is closed")
            }
            return try await submit(command, by: actor)
        }
    }

    /// Whether a bid raises the price by the least there can be, or the own maximum only: such
    /// bids cost their bidder next to nothing.
    private func isLeast(_ command: Command) -> Bool {
        guard case .placeBid(let auction, let bidder, let amount) = command,
            let row = try? ledger.listing(auction, for: bidder).value
        else { return false }
        return row.standing?.isLeading == true || row.minimumBid.map { amount <= $0 } ?? false
    }

    /// Who stands behind a command about somebody else's affairs: the house where the caller is
    /// its staff, else the caller.
    var staffActor: LedgerActor {
        get throws(Problem) {
            let caller = try caller
            return caller.roles.contains(.operator) ? .operator : .user(caller.user)
        }
    }

    /// The answer to an accepted command: its receipt, and what the ledger shows now. `id` is the
    /// caller's key; the log's id is not told: with it one could guess by the entry's hash what the
    /// entry says of others.
    ///
    ///     {"id":"…","status":"accepted","position":12,"time":"…","replayed":false,…}
    func answer(
        _ receipt: Receipt, status: HTTPResponse.Status = .ok,
        _ more: (inout JSONWriter) -> Void = { _ in }
    ) throws(Problem) -> Response {
        let key = try idempotencyKey
        var writer = JSONWriter()
        writer.reserve(512)
        writer.object { object in
            object.field("id", key.description)
            object.field("status", receipt.status.name)
            object.field("position", receipt.position)
            object.field("time", receipt.time)
            object.field("replayed", receipt.isReplay)
            more(&object)
        }
        var response = Response(json: writer, status: status)
        if let position = receipt.position {
            response.headers[.gavelPosition] = String(position)
        }
        if receipt.isReplay { response.headers[.idempotencyReplayed] = "true" }
        return response
    }
}
