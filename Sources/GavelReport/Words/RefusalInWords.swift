// Why a rule refused a command, as a sentence with the figures it compared.
//
// Invariant: every code has its sentence: the switch has no default, and ExplainTests make the
// engine give each code once.

package import Gavel
import GavelJSON

package struct RefusalInWords {
    /// Knows every name, also of what came later.
    let names: Reading
    let explanation: Explanation

    package init(names: Reading, explanation: Explanation) {
        self.names = names
        self.explanation = explanation
    }

    /// The sentence, without a full stop.
    package func sentence(_ figures: RuleFigures) -> String {
        switch figures {
        case .sellerCannotBid(let seller):
            return "\(id(seller)) sells \(lot) and may not bid on it"
        case .notPermitted(let actor, let allowed):
            return notPermitted(actor, allowed)
        case .userAlreadyRegistered(let user):
            return "\(id(user)) is registered already"
        case .currencyAlreadyRegistered(let handle):
            let currency = names.currency(of: handle)
            return "\(currency.code) is registered already, with scale \(currency.scale)"
        case .auctionAlreadyOpened(let auction, let position):
            return "\(names.id(of: auction)) was opened at position \(position) already"
        case .referenceAlreadyUsed(let payment):
            let kind = explanation.command.jsonName == "charge" ? "charge" : "withdrawal"
            return "the reference \(payment.reference) has stood for a \(kind) of "
                + "\(id(payment.user)) before"
        case .auctionNotOpen(let opensAt):
            return "it was \(time), and \(lot) opens at \(opensAt.rfc3339)"
        case .auctionEnded, .auctionCancelled, .auctionAlreadyClosed, .auctionNotEnded,
            .auctionHasBids, .closesAtTooEarly:
            return ending(figures)
        case .buyNowNotOffered, .buyNowEnded, .bidBelowOpening, .bidBelowMinimum,
            .bidNotAboveOwnMaximum, .exceedsAvailable, .overflowsTotalCharged, .overflowsPrice,
            .overflowsCurrencies:
            return amounts(figures)
        }
    }

    // MARK: Who

    private func notPermitted(_ actor: CanonicalActor, _ allowed: [CanonicalActor]) -> String {
        let who = "\(name(actor)) may not do this"
        guard !allowed.isEmpty else { return who + ", and nobody else may" }
        return who + ": only " + allowed.map { name($0) }.joined(separator: " or ") + " may"
    }

    package func name(_ actor: CanonicalActor) -> String {
        switch actor {
        case .system: "the engine"
        case .operator: "the operator"
        case .payment: "the payment provider"
        case .registrant: registering ?? "the person herself"
        case .user(let user): id(user)
        }
    }

    private var registering: String? {
        if case .registerUser(let id) = explanation.command { id.string } else { nil }
    }

    // MARK: When

    private func ending(_ figures: RuleFigures) -> String {
        switch figures {
        case .auctionEnded(let closesAt, let position):
            let end = closesAt.map { "; its end was \($0.rfc3339)" } ?? ""
            guard let position else {
                return "it was \(time), and bids on \(lot) were taken until "
                    + (closesAt?.rfc3339 ?? "its end")
            }
            return "\(lot) was closed at position \(position)\(end)"
        case .auctionCancelled(let position):
            return "\(lot) was cancelled at position \(position)"
        case .auctionAlreadyClosed(let position, let outcome):
            let words = outcome.map { ", \($0.jsonName)" } ?? ""
            return "\(lot) was closed at position \(position)\(words)"
        case .auctionNotEnded(let closesAt):
            let end =
                closesAt.map { "it was \(time), and \(lot) ends at \($0.rfc3339)" }
                ?? "time does not end \(lot)"
            return end + "; before that only a hammer ends it"
        case .auctionHasBids(let count, let leader):
            return "\(lot) has \(counted(count, "accepted bid")) and \(id(leader)) leads; "
                + "with bids only the operator may cancel it"
        case .closesAtTooEarly(let given, let opensAt, let isExtension, let end):
            var bounds = [
                "the time of the command \(time)", "the opening at \(opensAt.rfc3339)",
            ]
            if isExtension {
                bounds.append(
                    end.map { "the end there was, \($0.rfc3339)" }
                        ?? "the end there was: time does not end \(lot)")
            }
            return "the end asked for, \(given.rfc3339), must lie after "
                + bounds.dropLast().joined(separator: ", ") + " and \(bounds.last ?? "")"
        default: return figures.code.name
        }
    }

    // MARK: How much

    private func amounts(_ figures: RuleFigures) -> String {
        switch figures {
        case .buyNowNotOffered:
            return "\(lot) has no buy-now price"
        case .buyNowEnded(let offer, let price, let leader):
            let words = RulesInWords(AuctionRules(buyNow: offer), currency: currency)
            let standing = leader.flatMap { leader in
                price.map { ", and \(id(leader)) leads at \(money($0))" }
            }
            return "the offer stood at \(words.buyNow ?? "")\(standing ?? "")"
        case .bidBelowOpening(let amount, let opening):
            return "the bid of \(money(amount)) is below the opening price of \(money(opening))"
        case .bidBelowMinimum(let amount, let minimum, let price, let step):
            return "the bid of \(money(amount)) is below the minimum of \(money(minimum)): "
                + "price \(money(price)) + step \(money(step))"
        case .bidNotAboveOwnMaximum(let amount, let maximum):
            return "the bid of \(money(amount)) is not above the bidder's own maximum of "
                + money(maximum)
        case .exceedsAvailable(let amount, let premium, let held, let needed, let available):
            return funds(amount, premium, held, needed) + ", but "
                + "\(explanation.account.map { id($0.user) } ?? "the wallet") has "
                + "\(money(available)) available"
        case .overflowsTotalCharged(let amount, let charged):
            return "the charge of \(money(amount)) on top of the \(money(charged)) charged so far "
                + "is more than a currency can have, \(money(.max))"
        case .overflowsPrice(let price, let step):
            return "no bid is high enough: price \(money(price)) + step \(money(step)) is more "
                + "than there can be, \(money(.max))"
        case .overflowsCurrencies(let count):
            return "there are \(count) currencies, the most a ledger can have"
        default: return figures.code.name
        }
    }

    private func funds(_ amount: Money, _ premium: Money?, _ held: Money, _ needed: Money?)
        -> String
    {
        if case .withdraw = explanation.command {
            return "the withdrawal takes \(money(amount))"
        }
        guard let premium, let needed else {
            return "the price of \(money(amount)) and its premium are more than there can be"
        }
        var words =
            premium > .zero
            ? "the price of \(money(amount)) and its premium of \(money(premium))"
            : "the price of \(money(amount))"
        if held > .zero { words += ", less the \(money(held)) held already," }
        return words + " must be covered with \(money(needed))"
    }

    // MARK: Short

    private func id(_ user: UserHandle) -> String { names.id(of: user).string }
    private func money(_ amount: Money) -> String { amount.formatted(in: currency) }
    private var time: String { explanation.point.time.rfc3339 }
    private var lot: String {
        explanation.command.auction.map { names.id(of: $0).string } ?? "the auction"
    }

    /// The currency of the money spoken of.
    private var currency: Currency {
        let handle = explanation.before?.record.currency ?? explanation.account?.currency
        return handle.map { names.currency(of: $0) } ?? Currency(code: "units", scale: 0)
    }
}
