// The folder a ledger is: DIR/log, DIR/projections, DIR/writer.

internal import LMDB

/// The paths within a ledger.
struct LedgerFolder: Hashable, Sendable {
    let path: String

    var log: String { path + "/log" }
    var projections: String { path + "/projections" }
    var writer: String { path + "/writer" }

    /// Whether there is a ledger: its log has a data file.
    var exists: Bool { FileSystem.exists(log + "/data.mdb") }

    /// Checks that a ledger may be opened here.
    /// - Throws: `notFound`; `foreign` when something else stands there.
    func check(creates: Bool) throws(LedgerError) {
        if exists { return }
        guard FileSystem.exists(path) else {
            if creates { return }
            throw LedgerError(.notFound, "there is no ledger at \(path)")
        }
        let names = (try? FileSystem.listDirectory(path)) ?? []
        // What an interrupted creation leaves behind may be taken up again.
        let isOurs = names.allSatisfy { ["log", "projections", "writer"].contains($0) }
        guard FileSystem.isDirectory(path), isOurs else {
            throw LedgerError(.foreign, "\(path) is not a ledger")
        }
        if !creates { throw LedgerError(.notFound, "there is no ledger at \(path)") }
    }
}
