// The folder a ledger is: DIR/log, DIR/projections, DIR/writer, DIR/key, DIR/secret,
// DIR/checkpoint, and what a service keeps beside them.

internal import LMDB

/// The paths within a ledger.
package struct LedgerFolder: Hashable, Sendable {
    let path: String

    package init(path: String) { self.path = path }

    var log: String { path + "/log" }
    var projections: String { path + "/projections" }
    package var writer: String { path + "/writer" }
    /// The key that signs checkpoints, and the one that a rotation is about to name.
    var key: String { path + "/key" }
    var nextKey: String { path + "/key.next" }
    /// What cursors and the service's command ids are derived from.
    var secret: String { path + "/secret" }
    /// The last checkpoint, and the largest that witnesses cosigned.
    var checkpoint: String { path + "/checkpoint" }
    var witnessed: String { path + "/checkpoint.witnessed" }

    /// A service's own affair; known here so that nobody takes the folder for another's.
    package var accounts: String { path + "/accounts" }

    private static let names: Set<String> = [
        "log", "projections", "accounts", "writer", "key", "key.next", "secret",
        "checkpoint", "checkpoint.witnessed",
    ]

    /// Whether there is a ledger: its log has a data file.
    var exists: Bool { FileSystem.exists(log + "/data.mdb") }

    /// Checks that a ledger may be opened here.
    /// - Throws: `notFound`; `foreign` when something else stands there.
    package func check(creates: Bool) throws(LedgerError) {
        if exists { return }
        guard FileSystem.exists(path) else {
            if creates { return }
            throw LedgerError(.notFound, "there is no ledger at \(path)")
        }
        let names = (try? FileSystem.listDirectory(path)) ?? []
        // What an interrupted creation leaves behind may be taken up again.
        let isOurs = names.allSatisfy(Self.names.contains)
        guard FileSystem.isDirectory(path), isOurs else {
            throw LedgerError(.foreign, "\(path) is not a ledger")
        }
        if !creates { throw LedgerError(.notFound, "there is no ledger at \(path)") }
    }
}
