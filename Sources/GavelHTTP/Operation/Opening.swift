// From a folder to a service and back.

public import Gavel
public import Logging

extension AuctionService {
    /// Opens the ledger at a path for writing, and the service's own tables in it.
    /// - Throws: `LedgerError` where the ledger cannot be opened; `LMDBError` where the tables
    ///   cannot.
    public static func open(
        at path: String, configuration: Configuration, options: ServiceOptions, logger: Logger
    ) throws -> AuctionService {
        let ledger = try Ledger.open(at: path, configuration: configuration)
        do {
            return AuctionService(
                ledger: ledger, store: try ServiceStore(ledger: path),
                authenticator: NoAccounts(), options: options, logger: logger)
        } catch {
            ledger.close()
            throw error
        }
    }

    /// Answers what the ledger still has to answer, writes its snapshot and lets go of the files.
    /// Blocks until done. The servers have ended before.
    public func close() {
        ledger.close()
        store.close()
    }

    /// Why the ledger has stopped for good; nil while it has not.
    public var failure: LedgerError? { ledger.statistics.failure }
}

/// Knows nobody.
private struct NoAccounts: Authenticator {
    func caller(bearing token: Substring) async throws(Problem) -> Caller {
        throw Problem(.tokenInvalid)
    }
}
