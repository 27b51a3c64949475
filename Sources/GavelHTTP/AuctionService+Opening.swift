// Opening the service, on a ledger of its own or on one that somebody else has open, and closing
// it again.

public import Gavel
public import Logging

extension AuctionService {
    /// Opens the ledger at a path for writing, and its service. The service closes both.
    /// - Throws: `LedgerError`.
    public static func open(
        at path: String, configuration: Configuration, options: ServiceOptions, logger: Logger
    ) async throws -> AuctionService {
        // Before a ledger is made.
        try options.check()
        let ledger = try await Ledger.open(at: path, configuration: configuration)
        do {
            return try await open(
                ledger: ledger, at: path, options: options, logger: logger, closesLedger: true)
        } catch {
            await ledger.close()
            throw error
        }
    }

    /// Opens the service of an open ledger: its own tables in `DIR/accounts`, and ends sign-ups
    /// that a crash interrupted. The ledger stays its caller's, who closes it after the service.
    /// - Parameter path: the ledger's folder.
    /// - Throws: `LedgerError` with `invalidConfiguration`, or with `damaged` or `storage`
    ///   where the tables cannot be opened.
    public static func open(
        ledger: Ledger, at path: String, options: ServiceOptions, logger: Logger
    ) async throws -> AuctionService {
        try await open(
            ledger: ledger, at: path, options: options, logger: logger, closesLedger: false)
    }

    private static func open(
        ledger: Ledger, at path: String, options: ServiceOptions, logger: Logger,
        closesLedger: Bool
    ) async throws -> AuctionService {
        do {
            let store = try ServiceStore(ledger: path)
            do {
                return try await AuctionService(
                    ledger: ledger, store: store, options: options, logger: logger,
                    closesLedger: closesLedger)
            } catch {
                store.close()
                throw error
            }
        } catch {
            throw LedgerError(error, while: "opening \(path)/accounts")
        }
    }

    /// Lets go of the service's tables and, where the service has opened it, of the ledger, which
    /// answers what it still has to answer and writes its snapshot. The servers have ended before.
    public func close() async {
        if closesLedger { await ledger.close() }
        store.close()
    }

    /// Why the ledger has stopped for good; nil while it has not.
    public var failure: LedgerError? { ledger.failure }
}
