// An auction's rules for people; nil for what it does not have or has as every auction.

package import Gavel
import GavelJSON

package struct RulesInWords {
    private let rules: AuctionRules
    private let currency: Currency

    package init(_ rules: AuctionRules, currency: Currency) {
        self.rules = rules
        self.currency = currency
    }

    package var kind: String {
        "\(rules.format.jsonName)\(rules.proxy ? ", proxy bidding" : ""), opening price "
            + rules.openingPrice.formatted(in: currency)
    }

    package var increments: String? {
        switch rules.increments {
        case .one: nil
        case .basisPoints(let share): percent(share) + " of the price, rounded up"
        case .table(let rows):
            rows.map { row in
                let step = row.step.formatted(in: currency)
                return row.from == 0 ? step : "from \(row.from.formatted(in: currency)) \(step)"
            }.joined(separator: "; ")
        }
    }

    package var reserve: String? { rules.reservePrice?.formatted(in: currency) }

    package var buyNow: String? {
        guard let offer = rules.buyNow else { return nil }
        let until =
            switch offer.until {
            case .firstBid: "until the first bid"
            case .reserveMet: "until the reserve is met"
            case .end: "until the end"
            }
        return "\(offer.price.formatted(in: currency)) \(until)"
    }

    package var softClose: String? {
        guard let softClose = rules.softClose else { return nil }
        let trigger =
            switch softClose.trigger {
            case .acceptedBid: "an accepted bid"
            case .priceChange: "a change of the price"
            case .leadChange: "a change of the lead"
            }
        let extent = seconds(softClose.extensionMilliseconds)
        let effect =
            softClose.mode == .reset
            ? "leaves at least \(extent)" : "moves the end by \(extent)"
        let count = softClose.maxExtensions.map { ", at most \($0)×" } ?? ""
        let latest = softClose.latestEnd.map { ", never beyond \($0.rfc3339)" } ?? ""
        let window = seconds(softClose.windowMilliseconds)
        return "\(trigger) in the last \(window) \(effect)\(count)\(latest)"
    }

    package var duration: String? {
        rules.durationFromFirstBidMilliseconds.map { "\(seconds($0)) after the first bid" }
    }

    package var outage: String? {
        guard let outage = rules.outage else { return nil }
        let limit = seconds(outage.longerThanMilliseconds)
        let effect =
            outage.moveMilliseconds.map { "moves an end in it to \(seconds($0)) after it" }
            ?? "leaves an end in it to the operator"
        return "one of more than \(limit) \(effect)"
    }

    package var sellerFee: String? { words(for: rules.fees.seller) }
    package var buyerFee: String? { words(for: rules.fees.buyer) }

    package var cancelPolicy: String? {
        rules.cancelPolicy == .operatorOnly ? "by the operator only" : nil
    }

    /// All of it in one line.
    package var all: String {
        let named: [(String, String?)] = [
            ("steps", increments), ("reserve", reserve), ("buy now", buyNow),
            ("soft close", softClose), ("ends", duration), ("outage", outage),
            ("seller's fee", sellerFee), ("buyer's fee", buyerFee), ("cancelling", cancelPolicy),
        ]
        return kind + named.compactMap { name, words in words.map { "; \(name): \($0)" } }.joined()
    }

    private func words(for fee: Fee) -> String? {
        guard fee != .none else { return nil }
        var parts: [String] = []
        if fee.basisPoints > 0 { parts.append(percent(fee.basisPoints)) }
        if fee.fixed > 0 { parts.append(fee.fixed.formatted(in: currency)) }
        var words = parts.isEmpty ? "nothing" : parts.joined(separator: " + ")
        if fee.minimum > 0 { words += ", at least \(fee.minimum.formatted(in: currency))" }
        if let maximum = fee.maximum { words += ", at most \(maximum.formatted(in: currency))" }
        return words
    }

    /// 1250 as `12.5%`.
    private func percent(_ basisPoints: Int) -> String {
        decimal(basisPoints, digits: 2) + "%"
    }

    /// 1500 as `1.5 s`.
    private func seconds(_ milliseconds: Int64) -> String {
        decimal(Int(milliseconds), digits: 3) + " s"
    }

    /// A number with its last digits behind the point, as few of them as it needs.
    private func decimal(_ number: Int, digits: Int) -> String {
        var text = String(number)
        let missing = digits + 1 - text.utf8.count
        if missing > 0 { text = String(repeating: "0", count: missing) + text }
        text.insert(".", at: text.index(text.endIndex, offsetBy: -digits))
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }
}
