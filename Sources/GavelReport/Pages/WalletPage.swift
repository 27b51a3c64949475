// A report about one user's wallet.

import Gavel
import GavelJSON

struct WalletPage: ReportPage {
    static let rowsMax = 5_000
    static let auctionsMax = 500

    private let user: UserID
    private let wallet: WalletView
    private let running: RunningBalances
    private var rows = ReportRows(max: rowsMax, keepsEnd: true)
    private var bids = ReportRows(max: auctionsMax, keepsEnd: false)
    private var sales = ReportRows(max: auctionsMax, keepsEnd: false)
    private var wonCount = 0
    private var soldCount = 0
    /// Available and locked over time, for each currency.
    private var lines: [(currency: Currency, available: StepLine, locked: StepLine)] = []
    private(set) var lastPosition: UInt64?
    let findings: [String]
    /// Whether the movements come to what the ledger says.
    private let addsUp: Bool

    /// - Throws: `LedgerError` with `unknownName`, `damaged` or `storage`; `Failure` with `finding`
    ///   where a movement takes more than there is.
    init(of user: UserID, _ reader: LedgerReader) throws {
        self.user = user
        wallet = try reader.wallet(user).value
        var running = RunningBalances()
        var rows = rows
        var lines = lines
        var last: UInt64?
        try reader.forEachMovement(of: user) { movement in
            let currency = reader.reading.currency(of: movement.currency)
            let after = try running.add(movement, in: currency)
            rows.append(Self.row(movement, after: after, reader.reading))
            Self.add(movement, after, to: &lines)
            last = movement.position
        }
        self.running = running
        (self.rows, self.lines, lastPosition) = (rows, lines, last)
        self.lines.sort { $0.currency.code < $1.currency.code }
        let disagreement = running.disagreement(with: wallet)
        addsUp = disagreement == nil
        findings =
            try ReportContradictions(reader, touching: user).findings
            + (disagreement.map { [$0] } ?? [])
        try gatherAuctions(reader)
    }

    private static func row(
        _ movement: WalletView.Movement, after balance: RunningBalances.Balance, _ names: Reading
    ) -> ReportRow {
        let currency = balance.currency
        return ReportRow(cells: [
            ReportCell(String(movement.position)), ReportCell(movement.time.rfc3339),
            ReportCell(movement.words(in: currency)),
            ReportCell(movement.auction.map { names.id(of: $0).string }),
            ReportCell(movement.amount.formatted(in: currency)),
            ReportCell(balance.available.formatted(in: currency)),
            ReportCell(balance.locked.formatted(in: currency)),
        ])
    }

    private static func add(
        _ movement: WalletView.Movement, _ balance: RunningBalances.Balance,
        to lines: inout [(currency: Currency, available: StepLine, locked: StepLine)]
    ) {
        let time = movement.time.nanoseconds
        var place = lines.firstIndex { $0.currency == balance.currency }
        if place == nil {
            place = lines.count
            lines.append(
                (
                    balance.currency, StepLine(name: "available", style: "c1", isFilled: true),
                    StepLine(name: "locked", style: "c2", isDashed: true)
                ))
        }
        lines[place!].available.points.append((time, balance.available.units))
        lines[place!].locked.points.append((time, balance.locked.units))
    }

    private mutating func gatherAuctions(_ reader: LedgerReader) throws {
        var (bids, sales, wonCount, soldCount) = (bids, sales, 0, 0)
        try reader.forEachAuction(AuctionFilter(bidder: user)) { auction in
            if auction.winner == user { wonCount += 1 }
            let standing =
                switch auction.leader == user {
                case true: auction.winner == user ? "won" : "leads"
                case false: auction.status == .open ? "does not lead" : "did not win"
                }
            bids.append(Self.row(auction, standing: standing))
        }
        try reader.forEachAuction(AuctionFilter(seller: user)) { auction in
            if auction.outcome == .sold { soldCount += 1 }
            sales.append(Self.row(auction, standing: auction.leader?.string ?? ""))
        }
        (self.bids, self.sales, self.wonCount, self.soldCount) = (bids, sales, wonCount, soldCount)
    }

    private static func row(_ auction: AuctionView, standing: String) -> ReportRow {
        ReportRow(cells: [
            ReportCell(auction.auction.string), ReportCell(auction.title),
            ReportCell(auction.seller.string), ReportCell(auction.state),
            ReportCell(standing), ReportCell(auction.price?.formatted(in: auction.currency)),
            ReportCell(auction.paid?.formatted(in: auction.currency)),
            ReportCell(auction.closedPosition.map { String($0) }),
        ])
    }

    // MARK: Page

    var title: String { "Wallet \(user)" }
    var subtitle: String? { nil }

    var cards: [(value: String, name: String)] {
        var cards: [(String, String)] = []
        for balance in running.balances {
            cards.append((balance.available.formatted(in: balance.currency), "available"))
            cards.append((balance.locked.formatted(in: balance.currency), "locked"))
        }
        return cards + [
            (String(rows.count), "movements"), (String(bids.count), "auctions bid on"),
            (String(wonCount), "won"), (String(soldCount), "sold"),
        ]
    }

    var sections: [ReportSection] {
        [
            ReportSection(id: "balances", title: "Balances") { writeBalances(to: &$0) },
            ReportSection(id: "statement", title: "Statement") { writeStatement(to: &$0) },
            ReportSection(id: "holds", title: "Open holds") { writeHolds(to: &$0) },
            ReportSection(id: "bids", title: "Auctions bid on") { html in
                html.table(
                    "Auctions on which \(user) has bid or bought, or tried to",
                    columns("how it stands"), bids, empty: "\(user) has not bid.",
                    all: "gavel auctions --bidder \(user) --ledger DIR")
            },
            ReportSection(id: "sales", title: "Auctions sold") { html in
                html.table(
                    "Auctions of which \(user) is the seller", columns("leader or winner"), sales,
                    empty: "\(user) has not opened an auction.",
                    all: "gavel auctions --seller \(user) --ledger DIR")
            },
        ]
    }

    private func columns(_ standing: String) -> [ReportColumn] {
        [
            ReportColumn("auction", .id), ReportColumn("title"), ReportColumn("seller", .id),
            ReportColumn("status"), ReportColumn(standing, .id), ReportColumn("price", .number),
            ReportColumn("paid", .number), ReportColumn("ended at", .number),
        ]
    }

    private func writeBalances(to html: inout HTMLWriter) {
        var table = ReportRows(max: Self.rowsMax, keepsEnd: false)
        for balance in running.balances {
            let currency = balance.currency
            table.append(
                ReportRow(cells: [
                    ReportCell(currency.code.string),
                    ReportCell(Money.zero.formatted(in: currency)),
                    ReportCell(balance.available.formatted(in: currency)),
                    ReportCell(balance.locked.formatted(in: currency)),
                ]))
        }
        html.table(
            "Opening balance, before the first entry, and closing balance",
            [
                ReportColumn("currency"), ReportColumn("opening", .number),
                ReportColumn("closing, available", .number),
                ReportColumn("closing, locked", .number),
            ], table, empty: "No money ever moved in this wallet.", all: "")
        if addsUp, table.count > 0 {
            html.element(
                "p",
                text: "The movements below add up to these balances, and the ledger has the same.")
        }
        for line in lines {
            guard let first = line.available.points.first, let last = line.available.points.last
            else { continue }
            StepChart(
                id: "chart-\(line.currency.code)",
                title: "\(line.currency.code) available and locked",
                summary: "Both halves of the wallet over time; the statement below has every "
                    + "movement.",
                span: first.time...last.time, lines: [line.available, line.locked],
                label: { amountLabel($0, in: line.currency) }
            ).write(to: &html)
        }
    }

    private func writeStatement(to html: inout HTMLWriter) {
        html.table(
            "Every movement, and the balances after it",
            [
                ReportColumn("position", .number), ReportColumn("time", .time),
                ReportColumn("what", .words), ReportColumn("auction", .id),
                ReportColumn("amount", .number), ReportColumn("available", .number),
                ReportColumn("locked", .number),
            ], rows, empty: "No money ever moved in this wallet.",
            all: "gavel audit statement --wallet \(user) --ledger DIR")
    }

    private func writeHolds(to html: inout HTMLWriter) {
        var table = ReportRows(max: Self.rowsMax, keepsEnd: false)
        for balance in wallet.balances {
            for hold in balance.holds {
                table.append(
                    ReportRow(cells: [
                        ReportCell(hold.auction.string),
                        ReportCell(hold.amount.formatted(in: balance.currency)),
                    ]))
            }
        }
        html.table(
            "What is locked, and for which auction",
            [ReportColumn("auction", .id), ReportColumn("amount", .number)], table,
            empty: "Nothing is locked.", all: "gavel audit statement --wallet \(user) --ledger DIR")
    }
}

extension PublicAuction {
    /// Status and outcome in one.
    var state: String { outcome.map { "\(status.jsonName), \($0.jsonName)" } ?? status.jsonName }
}
