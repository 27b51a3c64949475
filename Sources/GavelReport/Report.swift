// A report: one page about an auction, a wallet or a whole ledger, with what it rests on.

package import Gavel

package struct Report {
    /// What a report is about.
    package enum Subject {
        case auction(AuctionID)
        case wallet(UserID)
        case ledger
    }

    /// The page, whole.
    package let markup: String
    /// What is wrong, a sentence each, without a full stop.
    package let findings: [String]

    /// - Throws: `LedgerError`; `Failure` where the log does not add up.
    package init(of subject: Subject, _ reader: LedgerReader) throws {
        let page: any ReportPage =
            switch subject {
            case .auction(let auction): try AuctionPage(of: auction, reader)
            case .wallet(let user): try WalletPage(of: user, reader)
            case .ledger: try LedgerPage(reader)
            }
        let proof = try ReportProof(reader, lastShown: page.lastPosition)
        markup = page.markup(proof)
        findings = page.findings + proof.findings
    }
}
