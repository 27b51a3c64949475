// What the house takes of a sale: from the seller's proceeds, and on top of the price from the
// buyer (the buyer's premium).
//
// Invariants: the buyer pays price + buyer fee, the seller gets price − seller fee and never less
// than nothing, the house the rest: the parts sum exactly, nothing is rounded twice. What a bidder
// pays rises with the price, so a hold for the maximum covers every price below it.

/// One side's fee as a function of the hammer price.
public struct Fee: Hashable, Sendable {
    /// The share of the price in hundredths of a percent, 0 to 10,000, rounded down.
    public var basisPoints: Int
    /// Added to the share.
    public var fixed: Money
    public var minimum: Money
    /// Nil means without bound.
    public var maximum: Money?

    public init(
        basisPoints: Int = 0, fixed: Money = 0, minimum: Money = 0, maximum: Money? = nil
    ) {
        self.basisPoints = basisPoints
        self.fixed = fixed
        self.minimum = minimum
        self.maximum = maximum
    }

    /// Nothing at any price.
    public static let none = Fee()

    /// min(maximum, max(minimum, ⌊price × basis points / 10,000⌋ + fixed)). A sum too large for
    /// money stands as `Money.max`.
    public func amount(on price: Money) -> Money {
        let share = price.share(basisPoints: basisPoints, rounded: .down)
        let sum = max(minimum, share.adding(fixed) ?? .max)
        return maximum.map { min($0, sum) } ?? sum
    }

    func validate(_ side: String) throws(MalformedValue) {
        guard basisPoints >= 0, basisPoints <= Limits.basisPointsMax else {
            throw MalformedValue(
                "rules.fees.\(side).basis_points must be 0 to \(Limits.basisPointsMax), "
                    + "that is 100%, not \(basisPoints)")
        }
        for (name, amount) in [("fixed", fixed), ("minimum", minimum)] where amount < 0 {
            throw MalformedValue(
                "rules.fees.\(side).\(name) must not be negative, not \(amount.minorUnits)")
        }
        if let maximum, maximum < minimum {
            throw MalformedValue(
                "rules.fees.\(side).maximum must be at least its minimum \(minimum.minorUnits), "
                    + "not \(maximum.minorUnits)")
        }
    }
}

/// Both sides' fees.
public struct Fees: Hashable, Sendable {
    public var seller: Fee
    public var buyer: Fee

    public init(seller: Fee = .none, buyer: Fee = .none) {
        self.seller = seller
        self.buyer = buyer
    }

    /// Nothing on either side.
    public static let none = Fees()

    /// What a buyer pays at a hammer price, or what a bid of that amount must hold; nil where it
    /// is more than there can be.
    @inline(__always)
    public func paid(at price: Money) -> Money? {
        if buyer == .none { return price }
        return price.adding(buyer.amount(on: price))
    }

    /// What the seller gets at a hammer price: never less than nothing.
    public func proceeds(at price: Money) -> Money {
        price - max(.zero, min(price, seller.amount(on: price)))
    }
}
