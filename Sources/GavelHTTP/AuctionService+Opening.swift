// Opening the service on a ledger, with its accounts.

public import Gavel
public import Logging

extension AuctionService {
    /// Opens the service of an open ledger: its own tables in `DIR/accounts`, and ends sign-ups
    /// that a crash interrupted.
    /// - Parameter path: the ledger's folder.
    /// - Throws: `LedgerError` with `storage` where the tables cannot be opened.
    public static func open(
        ledger: Ledger, at path: String, options: ServiceOptions, logger: Logger
    ) async throws -> AuctionService {
        do {
            let store = try ServiceStore(ledger: path)
            do {
                return try await AuctionService(
                    ledger: ledger, store: store, options: options, logger: logger)
            } catch {
                store.close()
                throw error
            }
        } catch let error as LedgerError {
            throw error
        } catch {
            throw LedgerError(.storage, "opening \(path)/accounts: \(error)")
        }
    }

    /// Lets go of the service's tables, after its server has ended. The ledger stays open.
    public func close() { store.close() }
}
