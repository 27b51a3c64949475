// A report about one auction.

import Gavel
import GavelJSON

struct AuctionPage: ReportPage {
    private let view: AuctionView
    private let story: AuctionStory
    private let money: (Money) -> String

    /// - Throws: `LedgerError` with `unknownName`, `damaged` or `storage`.
    init(of id: AuctionID, _ reader: LedgerReader) throws {
        let story = try AuctionStory(of: id, reader)
        self.story = story
        view = story.view
        money = { story.money($0) }
        // An open auction's picture goes on to the last entry of the ledger.
        now = reader.lastEntryTime.nanoseconds
    }

    private let now: Int64

    var title: String { "Auction \(view.auction)" }
    var subtitle: String? { view.title.isEmpty ? nil : view.title }
    var lastPosition: UInt64? { story.lastPosition }

    var findings: [String] {
        let contradictions = story.contradictions.findings
        guard story.heldNow != story.heldByFold else { return contradictions }
        return contradictions + [
            "the entries about \(view.auction) add up to a hold of \(money(story.heldNow)), but "
                + "the ledger has \(money(story.heldByFold))"
        ]
    }

    var cards: [(value: String, name: String)] {
        var cards = [(view.status.jsonName, "status")]
        if let outcome = view.outcome {
            // Words break where a code does not.
            cards.append((String(outcome.jsonName.map { $0 == "_" ? " " : $0 }), "outcome"))
        }
        if let price = view.price { cards.append((money(price), "price")) }
        if let leader = view.leader {
            cards.append((leader.string, view.winner == nil ? "leader" : "winner"))
        }
        if let paid = view.paid, paid != view.price {
            cards.append((money(paid), "paid, premium included"))
        }
        cards.append((String(view.bids), "bids"))
        cards.append((String(view.bids - view.acceptedBids), "of them rejected"))
        return cards
    }

    var sections: [ReportSection] {
        [
            ReportSection(id: "rules", title: "The auction and its rules") { writeRules(to: &$0) },
            ReportSection(id: "price", title: "Price over time") { writePrice(to: &$0) },
            ReportSection(id: "entries", title: "Every bid and its fate") { writeRows(to: &$0) },
            ReportSection(id: "holds", title: "Holds over time") { writeHolds(to: &$0) },
            ReportSection(id: "money", title: "Where the money went") { writeFlow(to: &$0) },
        ]
    }

    private var command: String { "gavel audit statement --auction \(view.auction) --ledger DIR" }

    // MARK: Rules

    private func writeRules(to html: inout HTMLWriter) {
        html.fields(
            auctionFields(view) + [
                ("opened at position", String(view.openedPosition)),
                ("ended at position", view.closedPosition.map { String($0) }),
            ])
    }

    // MARK: Price

    /// From the first bid, or from when bids are taken, to the end.
    private var span: ClosedRange<Int64> {
        let bids = story.bidTimes
        let start = min(view.opensAt.nanoseconds, bids.first ?? .max)
        let end = story.closedTime ?? min(view.closesAt?.nanoseconds ?? .max, now)
        return start...max(start, end, story.closedTime == nil ? bids.last ?? start : start)
    }

    private func writePrice(to html: inout HTMLWriter) {
        guard story.price.points.count + story.rejected.points.count > 0 else {
            html.element("p", ["class": "note"], text: "Nobody has bid.")
            return
        }
        let span = span
        chart("price", "Price", span).write(to: &html)
        // A storm at the end is one upright line in days of waiting.
        let late = span.upperBound - (span.upperBound - span.lowerBound) / 20
        let lateBids = story.bidTimes.filter { $0 >= late && $0 <= span.upperBound }
        if let first = lateBids.first, lateBids.count >= 4,
            lateBids.count * 2 > story.bidTimes.count
        {
            chart("late", "Price, the last \(lateBids.count) bids", first...span.upperBound)
                .write(to: &html)
        }
        html.element(
            "p", ["class": "note"],
            text: "A square is a rejected bid, at the amount it offered; one that lies above the "
                + "scale stands at the upper edge. A dot is an accepted one: at the price it made, "
                + "or, where it was absorbed, at the amount it offered.")
    }

    private func chart(_ id: String, _ title: String, _ span: ClosedRange<Int64>) -> StepChart {
        var levels: [ChartLevel] = []
        if let reserve = view.rules.reservePrice {
            levels.append(
                ChartLevel(name: "reserve \(money(reserve))", style: "c2", value: reserve.units))
        }
        if let offer = view.rules.buyNow {
            levels.append(
                ChartLevel(
                    name: "buy now \(money(offer.price))", style: "c3", value: offer.price.units))
        }
        var lines = [story.price]
        if view.rules.proxy { lines.append(story.maximum) }
        // A chart of rejected bids alone has a scale too.
        if story.price.points.isEmpty {
            levels.append(
                ChartLevel(
                    name: "opening price \(money(view.rules.openingPrice))", style: "c1",
                    value: view.rules.openingPrice.units))
        }
        let final = view.price.map { "ends at \(money($0))" } ?? "no bid was accepted"
        return StepChart(
            id: id, title: title,
            summary: "From \(timeText(span.lowerBound)) to \(timeText(span.upperBound)): "
                + "\(counted(story.leads.points.count, "bid", "bids")) took or kept the lead, "
                + "\(story.absorbed.points.count) absorbed, \(story.rejected.points.count) "
                + "rejected; \(final).",
            span: span, lines: lines.map { $0.clipped(to: span) },
            marks: [story.leads, story.absorbed, story.rejected].map { $0.clipped(to: span) },
            levels: levels, moments: ("end, as it was and as it moved", story.ends),
            label: { amountLabel($0, in: view.currency) })
    }

    // MARK: Entries

    private func writeRows(to html: inout HTMLWriter) {
        html.table(
            "Every entry about \(view.auction)",
            [
                ReportColumn("position", .number), ReportColumn("time", .time),
                ReportColumn("who", .id), ReportColumn("amount", .number),
                ReportColumn("fate", .words), ReportColumn("price after", .number),
                ReportColumn("leader", .id), ReportColumn("held", .number),
            ], story.rows, empty: "There is no entry about it.", all: command)
    }

    // MARK: Holds

    private func writeHolds(to html: inout HTMLWriter) {
        StepChart(
            id: "held", title: "Who held how much",
            summary: "Each bidder's hold for this auction over time; the table below has every "
                + "change.",
            span: span, lines: story.holdLines(atMost: 4),
            label: { amountLabel($0, in: view.currency) }
        ).write(to: &html)
        html.table(
            "Every change of a hold",
            [
                ReportColumn("position", .number), ReportColumn("time", .time),
                ReportColumn("bidder", .id), ReportColumn("what", .words),
                ReportColumn("holds now", .number), ReportColumn("held in all", .number),
            ], story.holdRows, empty: "Nothing was ever held for it.", all: command,
            linkingTo: story.rows.ids)
        if story.holdRows.count > 0 {
            html.element(
                "p",
                text: story.heldNow > .zero
                    ? "\(money(story.heldNow)) is held after the last entry, as the ledger says."
                    : "Nothing is held after the last entry, as the ledger says.")
        }
    }

    // MARK: The end

    private func writeFlow(to html: inout HTMLWriter) {
        if let sale = story.sale {
            ShareBar(
                id: "sale", title: "What \(view.leader?.string ?? "the winner") had locked",
                parts: [
                    ShareBar.Part(
                        name: "to the seller", style: "c1", value: (sale.paid - sale.fee).units,
                        amount: money(sale.paid - sale.fee)),
                    ShareBar.Part(
                        name: "to the house", style: "c2", value: sale.fee.units,
                        amount: money(sale.fee)),
                    ShareBar.Part(
                        name: "back to the winner", style: "c4", value: sale.change.units,
                        amount: money(sale.change)),
                ]
            ).write(to: &html)
        }
        html.table(
            "What moved when it ended",
            [
                ReportColumn("from", .id), ReportColumn("to", .id),
                ReportColumn("amount", .number), ReportColumn("what", .words),
            ], story.flowRows,
            empty: view.closedPosition == nil
                ? "It has not ended: whoever leads still holds what is locked."
                : "Nothing was held when it ended, so nothing moved.", all: command)
    }
}

extension StepLine {
    /// The line within a span, with the value it brings along.
    func clipped(to span: ClosedRange<Int64>) -> StepLine {
        var line = self
        line.points = points.filter { span.contains($0.time) }
        if let before = points.last(where: { $0.time < span.lowerBound }) {
            line.points.insert((span.lowerBound, before.value), at: 0)
        }
        return line
    }
}

extension ChartMarks {
    /// The marks within a span.
    func clipped(to span: ClosedRange<Int64>) -> ChartMarks {
        var marks = self
        marks.points = points.filter { span.contains($0.time) }
        return marks
    }
}

/// A tick's amount without the currency, and without a fraction where it has none.
func amountLabel(_ value: Double, in currency: Currency) -> String {
    let amount = Money(minorUnits: Int64(exactly: value.rounded()) ?? .max)
    let text = amount.formatted(in: currency).prefix { $0 != " " }
    let parts = text.split(separator: ".")
    return String(parts.last?.allSatisfy { $0 == "0" } == true ? parts[0] : text)
}
