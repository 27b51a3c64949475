// A report about a whole ledger.
//
// Invariant: counts and sums are over everything; only rows are bounded, and what is left out is
// said.

import Gavel
import GavelJSON
import GavelProgram

struct LedgerPage: ReportPage {
    static let rowsMax = 500

    private let totals: [CurrencyTotals]
    private let entryCount: UInt64
    private let contradictions: ReportContradictions
    private var auctions = ReportRows(max: rowsMax, keepsEnd: false)
    private var wallets = ReportRows(max: rowsMax, keepsEnd: false)
    private var outcomes: [String: Int] = [:]
    private var commands: [String: (accepted: Int, rejected: Int)] = [:]
    private var rejections: [Rejection.Code: (count: Int, first: UInt64, last: UInt64)] = [:]
    private var userCount = 0

    /// - Throws: `LedgerError` with `damaged` or `storage`.
    init(_ reader: LedgerReader) throws {
        totals = reader.totals
        entryCount = reader.reflects
        contradictions = try ReportContradictions(reader)
        try gatherAuctions(reader)
        try gatherWallets(reader)
        try gatherEntries(reader)
    }

    private mutating func gatherAuctions(_ reader: LedgerReader) throws {
        var (auctions, outcomes) = (auctions, outcomes)
        try reader.forEachAuction { auction in
            outcomes[auction.state, default: 0] += 1
            let currency = auction.currency
            auctions.append(
                ReportRow(
                    id: "auction-\(auction.auction)",
                    cells: [
                        ReportCell(auction.auction.string), ReportCell(auction.title),
                        ReportCell(auction.seller.string, link: "wallet-\(auction.seller)"),
                        ReportCell(auction.state),
                        ReportCell(
                            auction.leader?.string, link: auction.leader.map { "wallet-\($0)" }),
                        ReportCell(auction.price?.formatted(in: currency)),
                        ReportCell(auction.paid?.formatted(in: currency)),
                        ReportCell(String(auction.bids)),
                        ReportCell(String(auction.bids - auction.acceptedBids)),
                        ReportCell(auction.closesAt?.rfc3339),
                    ]))
        }
        (self.auctions, self.outcomes) = (auctions, outcomes)
    }

    private mutating func gatherWallets(_ reader: LedgerReader) throws {
        var (wallets, userCount) = (wallets, 0)
        try reader.forEachWallet { wallet in
            userCount += 1
            var id: String? = "wallet-\(wallet.user)"
            for balance in wallet.balances {
                wallets.append(
                    ReportRow(
                        id: id,
                        cells: [
                            ReportCell(wallet.user.string),
                            ReportCell(balance.available.formatted(in: balance.currency)),
                            ReportCell(balance.locked.formatted(in: balance.currency)),
                            ReportCell(String(balance.holds.count)),
                        ]))
                id = nil
            }
            if wallet.balances.isEmpty {
                wallets.append(
                    ReportRow(
                        id: id, cells: [ReportCell(wallet.user.string), "nothing moved", "", ""]))
            }
        }
        (self.wallets, self.userCount) = (wallets, userCount)
    }

    private mutating func gatherEntries(_ reader: LedgerReader) throws {
        var progress = Progress("reading")
        defer { progress.clear() }
        var position: UInt64 = 0
        while position < entryCount {
            let run = try reader.entries(from: position)
            guard !run.isEmpty else {
                throw Failure(.unusable, "entry \(position) is not in the log")
            }
            for entry in run {
                let name = entry.command.jsonName
                guard let code = entry.outcome.rejection?.code else {
                    commands[name, default: (0, 0)].accepted += 1
                    continue
                }
                commands[name, default: (0, 0)].rejected += 1
                rejections[code, default: (0, entry.position, 0)].count += 1
                rejections[code]?.last = entry.position
            }
            position += UInt64(run.count)
            progress.show(position, of: entryCount)
        }
    }

    // MARK: Page

    var title: String { "The whole ledger" }
    var subtitle: String? { nil }
    var lastPosition: UInt64? { entryCount > 0 ? entryCount - 1 : nil }

    var findings: [String] {
        contradictions.findings
            + totals.filter { !$0.isConserved }.map { totals in
                "the wallets do not hold what came in and did not go out in "
                    + "\(totals.currency.code)"
            }
    }

    var cards: [(value: String, name: String)] {
        let rejected = rejections.values.reduce(0) { $0 + $1.count }
        return [
            (grouped(entryCount), "entries"), (grouped(rejected), "of them rejections"),
            (grouped(auctions.count), "auctions"), (grouped(userCount), "users"),
            (grouped(totals.count), totals.count == 1 ? "currency" : "currencies"),
        ]
    }

    var sections: [ReportSection] {
        [
            ReportSection(id: "totals", title: "Totals") { writeTotals(to: &$0) },
            ReportSection(id: "auctions", title: "Auctions") { writeAuctions(to: &$0) },
            ReportSection(id: "wallets", title: "Wallets") { writeWallets(to: &$0) },
            ReportSection(id: "commands", title: "What was asked, and refused") {
                writeCommands(to: &$0)
            },
        ]
    }

    private func writeTotals(to html: inout HTMLWriter) {
        var table = ReportRows(max: Self.rowsMax, keepsEnd: false)
        for total in totals {
            let currency = total.currency
            table.append(
                ReportRow(cells: [
                    ReportCell(currency.code.string),
                    ReportCell(total.charged.formatted(in: currency)),
                    ReportCell(total.withdrawn.formatted(in: currency)),
                    ReportCell(total.available.formatted(in: currency)),
                    ReportCell(total.locked.formatted(in: currency)),
                    ReportCell(total.isConserved ? "yes" : "NO"),
                ]))
        }
        html.table(
            "Each currency: what came in, what went out, and what the wallets hold",
            [
                ReportColumn("currency"), ReportColumn("charged", .number),
                ReportColumn("withdrawn", .number), ReportColumn("available", .number),
                ReportColumn("locked", .number), ReportColumn("conserved"),
            ], table, empty: "There is no currency yet.", all: "gavel wallets --ledger DIR")
        if totals.allSatisfy(\.isConserved), table.count > 0 {
            html.element(
                "p",
                text: "Charged − withdrawn = available + locked, over all wallets, in every "
                    + "currency: no money was made and none is lost.")
        }
        for total in totals.prefix(12) {
            let currency = total.currency
            ShareBar(
                id: "share-\(currency.code)",
                title: "\(currency.code) in all wallets",
                parts: [
                    ShareBar.Part(
                        name: "available", style: "c1", value: total.available.units,
                        amount: total.available.formatted(in: currency)),
                    ShareBar.Part(
                        name: "locked", style: "c2", value: total.locked.units,
                        amount: total.locked.formatted(in: currency)),
                ]
            ).write(to: &html)
        }
    }

    private func writeAuctions(to html: inout HTMLWriter) {
        if !outcomes.isEmpty {
            let counts = outcomes.sorted { $0.key < $1.key }.map {
                "\(grouped($0.value)) \($0.key)"
            }
            html.element("p", text: counts.joined(separator: "; ") + ".")
        }
        html.table(
            "Auctions, in order of opening",
            [
                ReportColumn("auction", .id), ReportColumn("title"), ReportColumn("seller", .id),
                ReportColumn("status"), ReportColumn("leader or winner", .id),
                ReportColumn("price", .number), ReportColumn("paid", .number),
                ReportColumn("bids", .number), ReportColumn("rejected", .number),
                ReportColumn("closes", .time),
            ], auctions, empty: "There is no auction yet.", all: "gavel auctions --ledger DIR",
            linkingTo: wallets.ids)
    }

    private func writeWallets(to html: inout HTMLWriter) {
        html.table(
            "Wallets, in order of registration",
            [
                ReportColumn("user", .id), ReportColumn("available", .number),
                ReportColumn("locked", .number), ReportColumn("holds", .number),
            ], wallets, empty: "There is no user yet.", all: "gavel wallets --ledger DIR")
    }

    private func writeCommands(to html: inout HTMLWriter) {
        var asked = ReportRows(max: Self.rowsMax, keepsEnd: false)
        for (name, count) in commands.sorted(by: { $0.key < $1.key }) {
            asked.append(
                ReportRow(cells: [
                    ReportCell(name), ReportCell(grouped(count.accepted)),
                    ReportCell(grouped(count.rejected)),
                ]))
        }
        html.table(
            "Entries by command",
            [
                ReportColumn("command"), ReportColumn("accepted", .number),
                ReportColumn("rejected", .number),
            ], asked, empty: "There is no entry.", all: "gavel log --ledger DIR")
        var refused = ReportRows(max: Self.rowsMax, keepsEnd: false)
        for (code, found) in rejections.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            refused.append(
                ReportRow(cells: [
                    ReportCell(code.name), ReportCell(String(code.rawValue)),
                    ReportCell(grouped(found.count)), ReportCell(String(found.first)),
                    ReportCell(String(found.last)),
                ]))
        }
        html.table(
            "Rejections by code",
            [
                ReportColumn("code"), ReportColumn("number", .number),
                ReportColumn("entries", .number), ReportColumn("first at", .number),
                ReportColumn("last at", .number),
            ], refused, empty: "Nothing was rejected.", all: "gavel log --ledger DIR")
    }
}
