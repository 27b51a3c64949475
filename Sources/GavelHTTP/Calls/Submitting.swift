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
    func submit(_ command: Command, by actor: Actor) async throws(Problem) -> Receipt {
        let caller = try caller
        let id = service.commandIDs.id(of: try idempotencyKey, by: caller.user)
        let rejections = service.limits.rejections
        if let wait = rejections.secondsUntilFree(caller.user.string) {
            var problem = Problem(.tooManyRejections)
            problem.retryAfter = wait
            throw problem
        }
        let receipt: Receipt
        do { receipt = try await ledger.submit(command, id: id, by: actor) } catch {
            throw Problem(error as? LedgerError ?? LedgerError(.storage, "\(error)"))
        }
        service.meters.count(command, receipt)
        if receipt.status == .rejected, !receipt.isReplay { rejections.take(caller.user.string) }
        if let problem = Problem(receipt) { throw problem }
        return receipt
    }

    /// Who stands behind a command about somebody else's affairs: the house where the caller is
    /// its staff, else the caller.
    var staffActor: Actor {
        get throws(Problem) {
            let caller = try caller
            return caller.roles.contains(.operator) ? .operator : .user(caller.user)
        }
    }

    /// The answer to an accepted command: its receipt, and what the ledger shows now. `id` is the
    /// caller's key; the log's id is not told, since it hides what the entry says of others.
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
