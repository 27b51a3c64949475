// A signed statement for the person whom it is for: what it says, what of it is proven, and what
// the house answers for.

package import Gavel
package import GavelJSON

package struct StatementInWords {
    private let checked: CheckedStatement
    private let view: EntryView

    package init(_ checked: CheckedStatement, _ view: EntryView) {
        self.checked = checked
        self.view = view
    }

    package var fields: [(name: String, value: String?)] {
        let origin = checked.statement.origin
        var fields: [(name: String, value: String?)] = [
            ("statement", "for \(view.viewer)"), ("position", String(view.position)),
            ("time", view.time.rfc3339), ("auction", view.auction?.string),
        ]
        for (index, fact) in view.facts.enumerated() {
            fields.append((index == 0 ? "says" : "", words(for: fact)))
        }
        fields += [
            ("certain", "an entry stands at position \(view.position) of the log: its hash is"),
            ("", "\(checked.statement.leaf), and \(origin) cannot change it"),
        ]
        if checked.entry != nil {
            fields.append(("", "the entry itself is in this file, and hashes to that"))
        }
        fields += [
            ("signed", "\(origin) said that the entry says this to \(view.viewer); an auditor"),
            ("", "who has the entry convicts a false one: \(AdvisedCommand.checkStatement.line())"),
        ]
        return fields
    }

    private func money(_ amount: Money?) -> String {
        guard let amount else { return "an amount that is not said" }
        return amount.formatted(
            in: view.currency ?? Currency(code: CurrencyCode(unchecked: "minor units"), scale: 0))
    }

    private var viewer: String { view.viewer.string }

    private func words(for fact: EntryFact) -> String {
        let user = fact.user?.string ?? "nobody"
        let because = fact.reason.map { ": \($0)" } ?? ""
        let end = fact.closesAt?.rfc3339 ?? "open"
        return switch fact.kind {
        case .registerUser, .userRegistered: "\(user) is registered"
        case .charge: "\(money(fact.amount)) come in for \(viewer), \(fact.reference ?? "")"
        case .withdraw: "\(money(fact.amount)) of \(viewer) go out, \(fact.reference ?? "")"
        case .openAuction:
            "\(viewer) offers \(fact.title ?? "a lot") from \(money(fact.amount)) on"
                + (fact.reserve.map { ", reserve \(money($0))" } ?? "") + ", end \(end)"
        case .placeBid: "\(user) bids \(money(fact.amount))"
        case .buyNow: "\(user) buys at once"
        case .closeAuction: "\(viewer) asks for the end"
        case .extendAuction: "\(viewer) moves the end to \(end)"
        case .cancelAuction: "\(viewer) cancels the auction"
        case .rejected:
            "rejected\(because)" + (fact.limit.map { ", measured against \(money($0))" } ?? "")
        case .charged: "\(viewer) has \(money(fact.amount)) more available"
        case .withdrawn: "\(viewer) has \(money(fact.amount)) less available"
        case .locked:
            "\(money(fact.amount)) of \(viewer) are locked, \(money(fact.held)) in all"
        case .refunded: "\(money(fact.amount)) are free again for \(viewer)\(because)"
        case .paid:
            "\(viewer) pays \(money(fact.amount)): the price \(money(fact.price)) and "
                + "\(money(fact.premium)) of premium"
        case .received:
            "\(viewer) receives \(money(fact.amount)): the price \(money(fact.price)) less "
                + "\(money(fact.fee)) of fee"
        case .auctionOpened: "open for bids from \(fact.opensAt?.rfc3339 ?? "now") on"
        case .leadTaken, .maximumRaised:
            "\(user) leads" + (fact.amount.map { " with up to \(money($0))" } ?? "")
                + "; the price is \(money(fact.price))"
        case .bidAbsorbed: "\(user) does not lead; the price is \(money(fact.price))"
        case .boughtNow: "\(user) buys at \(money(fact.price))"
        case .auctionExtended: "the end is \(end)\(because)"
        case .auctionClosed:
            "closed\(because)" + (fact.user.map { ", won by \($0)" } ?? "")
                + (fact.price.map { " at \(money($0))" } ?? "")
        case .closeConfirmed: "had been closed before\(because)"
        case .auctionCancelled: "cancelled\(because)"
        }
    }
}
