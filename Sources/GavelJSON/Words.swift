// The words that JSON, CSV and tables use for values of the rules, and money for people.
//
// Invariant: words are stable; files that were written once are read by others for years.

public import AuctionDomain
public import Gavel

/// A closed set of words.
protocol JSONWord: CaseIterable {
    var jsonName: String { get }
}

extension AuctionOutcome {
    /// The outcome in JSON and CSV.
    public var jsonName: String {
        switch self {
        case .sold: "sold"
        case .noBids: "no_bids"
        case .reserveNotMet: "reserve_not_met"
        }
    }
}

extension RefundReason {
    /// The reason in JSON.
    public var jsonName: String {
        switch self {
        case .outbid: "outbid"
        case .change: "change"
        case .cancelled: "cancelled"
        case .reserveNotMet: "reserve_not_met"
        case .boughtNow: "bought_now"
        }
    }
}

extension WalletView.Movement.Kind {
    /// The kind in JSON and CSV.
    public var jsonName: String {
        switch self {
        case .charged: "charged"
        case .withdrawn: "withdrawn"
        case .locked: "locked"
        case .refunded: "refunded"
        case .paid: "paid"
        case .sold: "sold"
        case .fee: "fee"
        }
    }

    /// The payment that the movement is of; nil for other kinds.
    package var reference: PaymentReference? {
        switch self {
        case .charged(let reference), .withdrawn(let reference): reference
        case .locked, .refunded, .paid, .sold, .fee: nil
        }
    }

    /// Why money was refunded; nil for other kinds.
    package var reason: RefundReason? {
        switch self {
        case .refunded(let reason): reason
        case .charged, .withdrawn, .locked, .paid, .sold, .fee: nil
        }
    }
}

extension ExtensionReason {
    /// The reason in JSON.
    public var jsonName: String {
        switch self {
        case .operator: "operator"
        case .softClose: "soft_close"
        case .firstBid: "first_bid"
        case .outage: "outage"
        }
    }
}

extension BuyNow.Until: JSONWord {
    /// The end of the offer in JSON.
    public var jsonName: String {
        switch self {
        case .firstBid: "first_bid"
        case .reserveMet: "reserve_met"
        case .end: "end"
        }
    }
}

extension SoftClose.Mode: JSONWord {
    /// The mode in JSON.
    public var jsonName: String {
        switch self {
        case .reset: "reset"
        case .add: "add"
        }
    }
}

extension SoftClose.Trigger: JSONWord {
    /// The trigger in JSON.
    public var jsonName: String {
        switch self {
        case .acceptedBid: "accepted_bid"
        case .priceChange: "price_change"
        case .leadChange: "lead_change"
        }
    }
}

extension CancelPolicy: JSONWord {
    /// The policy in JSON.
    public var jsonName: String {
        switch self {
        case .beforeFirstBid: "before_first_bid"
        case .operatorOnly: "operator_only"
        }
    }
}

extension AuctionFormat: JSONWord {
    /// The format in JSON.
    public var jsonName: String { name }
}

extension PublicAuction.Status {
    /// The status in JSON and CSV.
    public var jsonName: String {
        switch self {
        case .scheduled: "scheduled"
        case .open: "open"
        case .closed: "closed"
        case .cancelled: "cancelled"
        }
    }
}

extension CanonicalCommand {
    /// The command's name in JSON, CSV and tables.
    public var jsonName: String { name }
}

extension Money {
    /// The amount for people: `15.00 USD`, `1500 KRW`, `-0.05 USD`. Exact, by digits alone; not
    /// meant to be read back.
    public func formatted(in currency: Currency) -> String {
        decimal(scale: currency.scale) + " " + currency.code.string
    }

    /// The amount with so many digits behind the point, which does not stand without any: `15.00`,
    /// `1500`, `-0.05`.
    func decimal(scale: UInt8) -> String {
        let scale = Int(scale)
        var digits = String(minorUnits.magnitude)
        if scale > 0 {
            let missing = scale + 1 - digits.utf8.count
            if missing > 0 { digits = String(repeating: "0", count: missing) + digits }
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
        }
        return (minorUnits < 0 ? "-" : "") + digits
    }
}
