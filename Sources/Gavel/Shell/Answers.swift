// How askers get their answers: the only place that looks into them.

internal import AuctionDomain

extension CoreAnswer {
    /// Gives the answer to whoever asked.
    func release() {
        switch (asker, content) {
        case (.receipt(let waiter), .receipt(let receipt)): waiter.answer(receipt)
        case (.batch(let ticket), .receipts(let receipts)): ticket.finish(.success(receipts))
        case (.batch(let ticket), .done): ticket.finish(.success([]))
        case (.done(let waiter), .done): waiter.answer(())
        case (_, .refused(let error)): asker.fail(error)
        case (.number, _), (.none, _): break
        case (.receipt, _), (.batch, _), (.done, _):
            preconditionFailure("an asker is answered with what it did not ask for")
        }
    }
}

extension Asker {
    /// Tells whoever asked that there is no answer.
    func fail(_ error: LedgerError) {
        switch self {
        case .receipt(let waiter): waiter.fail(error)
        case .batch(let ticket): ticket.finish(.failure(error))
        case .done(let waiter): waiter.fail(error)
        case .number, .none: break
        }
    }
}
