// One movement of money in one account: what an event does to somebody's available and locked.
//
// Invariant: the movements of an event and what came from outside or went there sum to zero.

/// One movement in one user's account.
public struct MoneyMovement: Hashable, Sendable {
    /// What the movement is; it says which half of the account grows and which shrinks.
    public enum Kind: Hashable, Sendable {
        /// From outside.
        case charged(PaymentReference)
        /// To outside.
        case withdrawn(PaymentReference)
        /// Locked for an auction; the bidder holds that much on it now.
        case locked(held: Money)
        case refunded(RefundReason)
        /// The winner paid.
        case paid
        /// The seller got the price less the fee.
        case sold
        /// The house got the fees.
        case fee
    }

    /// What money moves for, and so in which currency.
    public enum Subject: Hashable, Sendable {
        case payment(CurrencyHandle)
        /// In the auction's currency, which its opening says.
        case auction(AuctionHandle)
    }

    public let kind: Kind
    public let user: UserHandle
    public let subject: Subject
    /// How much moved; never negative in what the rules decide.
    public let amount: Money

    @inlinable
    package init(_ kind: Kind, of user: UserHandle, for subject: Subject, _ amount: Money) {
        self.kind = kind
        self.user = user
        self.subject = subject
        self.amount = amount
    }

    /// What is added to the available half; negative where money leaves it.
    @inlinable public var availableChange: Money {
        switch kind {
        case .charged, .refunded, .sold, .fee: amount
        case .withdrawn, .locked: opposite
        case .paid: .zero
        }
    }

    /// What is added to the locked half.
    @inlinable public var lockedChange: Money {
        switch kind {
        case .locked: amount
        case .refunded, .paid: opposite
        case .charged, .withdrawn, .sold, .fee: .zero
        }
    }

    /// Whether money comes into the account that was not in it, which makes the account when
    /// there is none.
    @inlinable package var comesIn: Bool {
        switch kind {
        case .charged, .sold, .fee: true
        case .withdrawn, .locked, .refunded, .paid: false
        }
    }

    /// The auction that the money moves for; nil for payments.
    @inlinable public var auction: AuctionHandle? {
        switch subject {
        case .auction(let auction): auction
        case .payment: nil
        }
    }

    /// Wraps, since an event that nobody has checked yet may hold any amount.
    @inlinable package var opposite: Money { Money(minorUnits: 0 &- amount.minorUnits) }
}
