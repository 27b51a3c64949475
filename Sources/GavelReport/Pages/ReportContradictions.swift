// The entries of a page that are not what the rules give: said in red at its head.

import Gavel
import GavelJSON
import GavelProgram

struct ReportContradictions {
    /// More are counted.
    static let listedMax = 20

    private var sentences: [String] = []
    private var count = 0

    init() {}

    /// Decides every entry of the ledger again.
    /// - Parameter user: only entries that touched this wallet count; nil counts all.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(entries).
    init(_ reader: LedgerReader, touching user: UserID? = nil) throws {
        var progress = Progress("deciding")
        defer { progress.clear() }
        var found = ReportContradictions()
        try reader.redecide(
            progress: { progress.show($0, of: $1) },
            { redecision in
                let touches = redecision.recorded.links.contains { link in
                    guard let user, case .wallet(let handle) = link.chain else { return false }
                    return reader.reading.id(of: handle) == user
                }
                if touches || user == nil { found.add(redecision, reader.reading) }
            })
        self = found
    }

    mutating func add(_ found: Redecision, _ names: Reading) {
        count += 1
        guard sentences.count < Self.listedMax else { return }
        let entry = found.recorded
        let currency = entry.command.auction.map { names.currency(of: $0) }
        sentences.append(
            "the entry at position \(entry.position) contradicts the rules. Recorded: "
                + "\(describeOutcome(entry.outcome, in: currency)). By the rules: "
                + describeRuling(found.ruling, in: currency, names))
    }

    /// A sentence for each, without a full stop.
    var findings: [String] {
        count > sentences.count
            ? sentences + ["\(count) entries in all contradict the rules"] : sentences
    }
}
