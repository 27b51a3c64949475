// The ways in which an auction is run, and the one place that asks which of them an auction has.
//
// A format is a type of its own, in a folder of its own beside this file. What all formats share
// (who may bid when, what a wallet can pay, ends that move, cancelling) is in `State`; everything
// else about bids, prices and winners is asked of the format.

/// The way an auction is run. One format so far; sealed, Dutch and multi-unit get own cases.
public enum AuctionFormat: UInt8, Hashable, Sendable, CaseIterable {
    /// Open ascending bids; the highest wins.
    case english = 0

    /// The format's name in JSON and tables.
    public var name: String {
        switch self {
        case .english: "english"
        }
    }
}

extension AuctionFormat {
    /// The format's rules. Besides this one, only the name is a switch over formats.
    @inline(__always)
    var rules: any FormatRules.Type {
        switch self {
        case .english: English.self
        }
    }
}

/// What a format says about its auctions. Everything is asked of a state, which it does not change.
protocol FormatRules {
    // MARK: Opening

    /// Checks that an auction's rules make sense together in this format.
    /// - Throws: `MalformedValue` naming the field and the reason.
    static func validate(_ rules: AuctionRules, closesAt: Timestamp?) throws(MalformedValue)

    // MARK: Deciding

    /// Decides a bid of somebody who may bid now: guards in precedence, price before funds.
    /// - Parameter purchase: receives the events of a bid that buys at once.
    /// - Returns: what the bid changed, but for an end that it moves; nil where it bought.
    static func decideBid(
        _ amount: Money, by bidder: UserHandle, on auction: AuctionHandle, _ record: AuctionRecord,
        in state: State, purchase: inout EventList
    ) throws(Rejection) -> AcceptedBid?

    /// Decides a purchase by somebody who may buy now.
    static func decidePurchase(
        of auction: AuctionHandle, _ record: AuctionRecord, by buyer: UserHandle, in state: State,
        into events: inout EventList
    ) throws(Rejection)

    /// Ends an open auction: who wins, what is paid, what goes back. It cannot fail: whatever is to
    /// be paid is held.
    static func close(_ auction: AuctionHandle, in state: State, into events: inout EventList)

    // MARK: What stands between entries

    /// Whether an open auction has exactly the holds that the format prescribes, and its figures
    /// fit them: what closing relies on.
    static func hasRightHolds(
        _ record: AuctionRecord, of auction: AuctionHandle, in state: State
    ) -> Bool

    /// The least amount a challenger must bid now; nil where no amount is large enough.
    static func minimumBid(_ record: AuctionRecord, in state: State) -> Money?

    /// Whether the reserve is met; nil where there is none.
    static func isReserveMet(_ record: AuctionRecord, in state: State) -> Bool?

    /// The price at which an open auction can be bought now; nil where it cannot.
    static func buyNowPrice(_ record: AuctionRecord, in state: State) -> Money?

    // MARK: What is told

    /// Why an event left the price as it is; nil where it does not change a price.
    /// - Parameters:
    ///   - amount: what was bid.
    ///   - story: the auction's, up to the event.
    static func priceReason(
        of event: Event, bid amount: Money?, in story: AuctionSteps
    ) -> PriceReason?

    /// Whether anyone may see at once what was bid.
    static func showsAmounts(_ rules: AuctionRules) -> Bool

    /// The rules as anyone may see them.
    static func publicView(of rules: AuctionRules, isClosed: Bool) -> AuctionRules

    /// The rules that a bid is held against after those about who may bid when, in order.
    static func codes(
        forBidBy bidder: UserHandle, on record: AuctionRecord, in state: State
    ) -> [Rejection.Code]

    /// The same for a purchase.
    static func codesForPurchase() -> [Rejection.Code]

    /// What a rule of the format compares for a bid; nil where the rule says nothing about it.
    static func figures(
        of code: Rejection.Code, bidOf amount: Money, by bidder: UserHandle,
        on auction: AuctionHandle, in state: State
    ) -> RuleFigures?

    /// The same for a purchase.
    static func purchaseFigures(
        of code: Rejection.Code, by buyer: UserHandle, on auction: AuctionHandle, in state: State
    ) -> RuleFigures?
}

extension AuctionRules {
    /// Whether anyone may see at once what was bid; otherwise it is the bidder's secret.
    public var showsAmounts: Bool { format.rules.showsAmounts(self) }

    /// The rules as anyone may see them: without what is hidden until the auction was closed.
    public func publicView(isClosed: Bool) -> AuctionRules {
        format.rules.publicView(of: self, isClosed: isClosed)
    }
}

extension State {
    /// The rules of an auction's format.
    @inline(__always)
    func format(of record: AuctionRecord) -> any FormatRules.Type {
        terms[Int(record.termsIndex)].format.rules
    }
}
