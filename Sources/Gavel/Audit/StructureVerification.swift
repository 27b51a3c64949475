// The pages of a ledger's data files, walked before LMDB opens them.

internal import LMDB
internal import Platform

struct StructureVerification {
    let folder: LedgerFolder
    /// Whether LMDB may open the log; a writer at work is no reason against it.
    private(set) var isLogSound = false
    /// Whether every page that was to be walked was.
    private(set) var isComplete = true

    init(folder: LedgerFolder) { self.folder = folder }

    mutating func run(_ report: inout VerificationReport) {
        isLogSound = walk(folder.log, "log/data.mdb", &report)
        if !isLogSound {
            report.notCovered.append("the log: LMDB cannot be trusted with its file")
        }
    }

    /// - Returns: whether LMDB may open the file.
    private mutating func walk(
        _ directory: String, _ name: String, _ report: inout VerificationReport
    ) -> Bool {
        let pages: StructureReport
        do {
            pages = try DataFileWalk.check(path: directory + "/data.mdb")
        } catch {
            report.findings.append(Finding(position: nil, "\(name): \(error)"))
            return false
        }
        if let reason = pages.incompleteReason {
            report.notCovered.append("the pages of \(name): \(reason); walk a backup")
            isComplete = false
            return true
        }
        for fault in pages.faults {
            report.findings.append(Finding(position: nil, "\(name), \(fault)"))
        }
        guard pages.isSound else { return false }
        let tables = pages.tables.map { "\($0.name) \($0.entries)" }.joined(separator: ", ")
        let leaked =
            pages.leakedPages > 0
            ? ", \(pages.leakedPages) lost from page \(pages.firstLeakedPage ?? 0) on" : ""
        report.covered.append(
            "\(pages.pages) pages of \(name): \(pages.usedPages) in use, \(pages.freePages) free"
                + leaked + "; entries of tables: \(tables)")
        return true
    }
}
