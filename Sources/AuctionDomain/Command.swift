// What callers ask for, with the callers' own names, and who asks.
//
// Invariant: a command that passed `validate` has the shape that `State.resolve` and
// `State.decide` rely on; only names that may not exist and rules that may not hold remain.

/// The opening of an auction.
public struct OpenAuction: Hashable, Sendable {
    public var auction: AuctionID
    /// What people call the lot; empty when not given. At most 256 bytes of UTF-8.
    public var title: String
    public var seller: UserID
    public var currency: CurrencyCode
    /// When bids are first taken; nil means at once.
    public var opensAt: Timestamp?
    /// When bids are no longer taken; nil means until hammer or cancellation.
    public var closesAt: Timestamp?
    public var rules: AuctionRules

    public init(
        auction: AuctionID, title: String = "", seller: UserID, currency: CurrencyCode,
        opensAt: Timestamp? = nil, closesAt: Timestamp? = nil, rules: AuctionRules = AuctionRules()
    ) {
        self.auction = auction
        self.title = title
        self.seller = seller
        self.currency = currency
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.rules = rules
    }
}

/// A request to change something.
public enum Command: Hashable, Sendable {
    case registerCurrency(Currency)
    /// Creates the user's wallet and profile slot in the same step.
    case registerUser(UserID)
    /// Puts money from outside into a wallet.
    case charge(
        user: UserID, currency: CurrencyCode, amount: Money, reference: PaymentReference)
    /// Takes available money out of a wallet.
    case withdraw(
        user: UserID, currency: CurrencyCode, amount: Money, reference: PaymentReference)
    /// Indirect: rules are large, and a command is copied on its way; bids should not pay for them.
    indirect case openAuction(OpenAuction)
    /// `amount` is the price without proxy bidding and the bidder's maximum with it.
    case placeBid(auction: AuctionID, bidder: UserID, amount: Money)
    /// Takes the auction's offer to sell at once at its buy-now price.
    case buyNow(auction: AuctionID, buyer: UserID)
    /// Asks for the outcome after the end; with `hammer`, ends the auction now.
    case closeAuction(AuctionID, hammer: Bool = false)
    /// Gives the end a later time.
    case extendAuction(AuctionID, closesAt: Timestamp)
    /// Ends the auction without a sale; every hold goes back.
    case cancelAuction(AuctionID, reason: String = "")

    /// The user the command speaks for, if it speaks for one: what `by` defaults to where a
    /// signed-in user sends it.
    public var subject: UserID? {
        switch self {
        case .registerUser(let user), .charge(let user, _, _, _), .withdraw(let user, _, _, _):
            user
        case .openAuction(let opening): opening.seller
        case .placeBid(_, let bidder, _): bidder
        case .buyNow(_, let buyer): buyer
        case .registerCurrency, .closeAuction, .extendAuction, .cancelAuction: nil
        }
    }

    /// Checks everything that needs no state.
    /// - Throws: `MalformedValue` naming the field, what was found and what was expected.
    public func validate() throws(MalformedValue) {
        switch self {
        case .placeBid(_, _, let amount):
            try validateAmount(amount)
        case .charge(_, _, let amount, let reference), .withdraw(_, _, let amount, let reference):
            try validateAmount(amount)
            try reference.validate()
        case .registerCurrency(let currency):
            guard currency.scale <= Currency.scaleMax else {
                throw MalformedValue(
                    "scale must be 0 to \(Currency.scaleMax), not \(currency.scale)")
            }
            try currency.code.validate()
        case .openAuction(let opening):
            try opening.validate()
        case .extendAuction(_, let closesAt):
            try validateTime(closesAt, field: "closes_at")
        case .cancelAuction(_, let reason):
            guard reason.utf8.count <= Limits.reasonBytesMax else {
                throw MalformedValue(
                    "reason must have at most \(Limits.reasonBytesMax) bytes, "
                        + "not \(reason.utf8.count)")
            }
        case .registerUser(let user):
            try user.validate()
        case .buyNow, .closeAuction:
            break
        }
    }
}

extension OpenAuction {
    func validate() throws(MalformedValue) {
        try auction.validate()
        guard title.utf8.count <= Limits.titleBytesMax else {
            throw MalformedValue(
                "title must have at most \(Limits.titleBytesMax) bytes, not \(title.utf8.count)")
        }
        if let opensAt { try validateTime(opensAt, field: "opens_at") }
        if let closesAt { try validateTime(closesAt, field: "closes_at") }
        if let opensAt, let closesAt, closesAt <= opensAt {
            throw MalformedValue("closes_at must lie after opens_at")
        }
        try rules.validate(closesAt: closesAt)
    }
}

private func validateAmount(_ amount: Money) throws(MalformedValue) {
    guard amount >= 1 else {
        throw MalformedValue("amount must be at least 1, not \(amount.minorUnits)")
    }
}

private func validateTime(_ time: Timestamp, field: String) throws(MalformedValue) {
    guard time.isInRange else {
        throw MalformedValue("\(field) must lie in the years 1970 to 2261")
    }
}
