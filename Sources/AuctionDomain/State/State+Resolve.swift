// Names to handles: the last step at which a command can still be refused without a trace.

extension State {
    /// Replaces the names in a command by handles.
    /// - Throws: the first of `userNotFound`, `currencyNotFound`, `auctionNotFound` that applies.
    public func resolve(_ command: Command) throws(Refusal) -> CanonicalCommand {
        switch command {
        case .placeBid(let auction, let bidder, let amount):
            let user = try resolve(bidder)
            return .placeBid(auction: try resolve(auction), bidder: user, amount: amount)
        case .buyNow(let auction, let buyer):
            let user = try resolve(buyer)
            return .buyNow(auction: try resolve(auction), buyer: user)
        case .registerCurrency(let currency):
            return .registerCurrency(currency)
        case .registerUser(let user):
            return .registerUser(user)
        case .charge(let user, let currency, let amount, let reference):
            return .charge(try payment(user, currency, amount, reference))
        case .withdraw(let user, let currency, let amount, let reference):
            return .withdraw(try payment(user, currency, amount, reference))
        case .openAuction(let opening):
            let seller = try resolve(opening.seller)
            return .openAuction(
                CanonicalOpening(
                    auction: opening.auction, title: opening.title, seller: seller,
                    currency: try resolve(opening.currency), opensAt: opening.opensAt,
                    closesAt: opening.closesAt, rules: opening.rules))
        case .closeAuction(let auction, let hammer):
            return .closeAuction(try resolve(auction), hammer: hammer)
        case .extendAuction(let auction, let closesAt):
            return .extendAuction(try resolve(auction), closesAt: closesAt)
        case .cancelAuction(let auction, let reason):
            return .cancelAuction(try resolve(auction), reason: reason)
        }
    }

    /// Replaces the name in an actor by a handle. Who registers herself has no handle yet: she
    /// stands as `registrant`, then and in every repeat of the command.
    /// - Throws: `userNotFound`.
    public func resolve(
        _ actor: LedgerActor, of command: Command
    ) throws(Refusal) -> CanonicalActor {
        switch actor {
        case .operator: return .operator
        case .payment: return .payment
        case .user(let id):
            if case .registerUser(id) = command { return .registrant }
            return .user(try resolve(id))
        }
    }

    private func payment(
        _ user: UserID, _ currency: CurrencyCode, _ amount: Money, _ reference: PaymentReference
    ) throws(Refusal) -> Payment {
        let user = try resolve(user)
        return Payment(
            user: user, currency: try resolve(currency), amount: amount, reference: reference)
    }

    private func resolve(_ id: UserID) throws(Refusal) -> UserHandle {
        guard let user = user(id) else { throw .userNotFound }
        return user
    }
    private func resolve(_ code: CurrencyCode) throws(Refusal) -> CurrencyHandle {
        guard let currency = currency(code) else { throw .currencyNotFound }
        return currency
    }
    private func resolve(_ id: AuctionID) throws(Refusal) -> AuctionHandle {
        guard let auction = auction(id) else { throw .auctionNotFound }
        return auction
    }
}
