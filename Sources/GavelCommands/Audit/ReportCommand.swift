// `gavel audit report`: an auction, a wallet or the whole ledger as one page to read, print and
// hand over.
//
// Invariant: the same ledger, looked at as of the same position, gives the same bytes: no clock is
// read, and a page names no folder.

import ArgumentParser
import Gavel
import GavelProgram
import GavelReport

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a printable page about an auction, a wallet or the whole ledger.",
        discussion: """
              gavel audit report --ledger house --auction lot-1 --output lot-1.html
              gavel audit report --ledger house --wallet alice --until 1200 --output alice.html
              gavel audit report --ledger house --all --output house.html

            One page that needs nothing from elsewhere: no script, no network. An auction's has \
            its rules, its price over time, every bid and its fate, who held how much, and where \
            the money went; a wallet's has its statement, its holds and its auctions; --all has \
            totals, auctions, wallets and rejections. Each says what it rests on, with the last \
            checkpoint and how to check it. For the house and its auditors: it shows maxima, \
            reserves and holds.

            - writes to standard output. A file is replaced only when it is a page already. Ends \
            with 1 where an entry is not what the rules give, the entries do not add up to what \
            the ledger says, or the checkpoint disagrees; the page then says so in red. For that \
            --wallet and --all decide the whole ledger again, a million entries a second.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(help: ArgumentHelp("This auction.", valueName: "id"), transform: auctionID)
    var auction: AuctionID?

    @Option(help: ArgumentHelp("The wallet of this user.", valueName: "user"), transform: userID)
    var wallet: UserID?

    @Flag(help: "The whole ledger.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "Show the ledger as it stood after the entry at this position, or at this time "
                + "(RFC 3339).", valueName: "position|time"),
        transform: moment)
    var until: LedgerReader.Moment?

    @Option(help: ArgumentHelp("Where the page is written; - for standard output."))
    var output: String

    func validate() throws {
        let subjects = [auction != nil, wallet != nil, all].filter { $0 }
        guard subjects.count == 1 else {
            throw ValidationError(
                "A report is of one: give --auction, --wallet or --all, not "
                    + (subjects.isEmpty ? "none of them." : "\(subjects.count) of them."))
        }
        guard !output.isEmpty else {
            throw ValidationError("--output must name a file, or be - for standard output.")
        }
    }

    func run() throws {
        try checkResult(output, .page)
        let reader = try openReader(at: ledger.path, asOf: until)
        defer { reader.close() }
        let report = try Report(of: subject, reader)
        try writeResult(Array(report.markup.utf8), to: output, .page)
        guard report.findings.isEmpty else {
            throw Failure(.finding, report.findings.joined(separator: "; "))
        }
    }

    private var subject: Report.Subject {
        if let auction { return .auction(auction) }
        if let wallet { return .wallet(wallet) }
        return .ledger
    }
}
