// What the service keeps of its own, beside the log and never in it: accounts and profiles, which
// can be erased, and what sellers say of their lots. One LMDB environment, `DIR/accounts`, private
// to its owner.
//
// Invariants: every write is durable when it returns, and runs on a thread of its own: no event
// loop and no task ever waits for the disk; reads are short and copy what they keep.

internal import AuctionDomain
internal import Dispatch
internal import Foundation
internal import Gavel
internal import LMDB
internal import Platform
internal import Synchronization

/// The service's own tables.
final class ServiceStore: Sendable {
    let environment: LMDB.Environment
    let lots: LotTables
    private let writing = DispatchQueue(label: "gavel.accounts", qos: .userInitiated)
    private let erasing = Mutex(Erasing())

    private struct Erasing {
        var isDue = false
        var isClosed = false
        /// When the file may be gone through again: at most a fifth of the time goes into that,
        /// whoever changes a profile however often.
        var next = DispatchTime.now()
    }

    /// Opens the tables of the ledger at a path, or makes them. Tables are opened by those who
    /// use them, before the first call.
    /// - Throws: `LMDBError`, with `fileDamaged` and the page where the file is not sound: LMDB
    ///   would end the process at such a page.
    // Swift 6.3's optimizer (CopyPropagation) fails where this is inlined.
    @inline(never)
    init(ledger path: String) throws {
        let folder = LedgerFolder(path: path).accounts
        try Self.checkPages(of: folder)
        environment = try LMDB.Environment(
            at: folder,
            configuration: .init(
                mapSizeBytes: 64 << 30, maxTables: 16, maxReaders: 512, createsDirectory: true,
                resumesCreation: true))
        lots = try LotTables(environment)
    }

    /// Walks the file, page by page, before LMDB maps it. One that is not there yet, or whose
    /// creation was cut short, LMDB makes.
    private static func checkPages(of folder: String) throws {
        if try LMDB.Environment.isUnborn(at: folder) { return }
        let file = folder + "/data.mdb"
        let report = try DataFileWalk.check(path: file)
        // Nobody else writes: whoever opens the accounts holds the ledger's `writer` file.
        let reason = report.faults.first?.description ?? report.incompleteReason
        guard let reason else { return }
        throw LMDBError(.fileDamaged, operation: "open", reason: "\(file): \(reason)")
    }

    /// Runs `body` on a snapshot.
    func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        try environment.read { try body($0) }
    }

    /// Runs `body` in the one write transaction, on the store's own thread, and answers when what
    /// it wrote is durable.
    func write<R: Sendable>(
        _ body: @escaping @Sendable (borrowing WriteTransaction) throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            writing.async {
                continuation.resume(
                    with: Result { try self.environment.write { try body($0) } })
            }
        }
    }

    /// Overwrites what the file still holds of rows that are gone or were others, and answers when
    /// it is done. Calls that wait together share one pass over the file.
    /// - Throws: `LMDBError`, with `.busy` when there was no moment without a read; then it is
    ///   tried again without being asked, until it is done.
    func eraseUnused() async throws {
        let time = erasing.withLock { erasing in
            erasing.isDue = true
            return erasing.next
        }
        try await withCheckedThrowingContinuation { continuation in
            writing.asyncAfter(deadline: time) {
                continuation.resume(with: Result { try self.eraseIfDue() })
            }
        }
    }

    private func eraseIfDue() throws {
        let isDue = erasing.withLock { erasing in
            defer { erasing.isDue = false }
            return erasing.isDue && !erasing.isClosed
        }
        guard isDue else { return }
        let start = DispatchTime.now()
        let result = Result { try environment.eraseUnused(timeoutMilliseconds: 1000) }
        let end = DispatchTime.now()
        let pause = 4 * Int(end.uptimeNanoseconds - start.uptimeNanoseconds)
        erasing.withLock { $0.next = end + .nanoseconds(pause) }
        do { try result.get() } catch {
            erasing.withLock { $0.isDue = true }
            writing.asyncAfter(deadline: .now() + 1) { [weak self] in try? self?.eraseIfDue() }
            throw error
        }
    }

    /// Lets go of the files. Nothing is asked any more.
    func close() {
        erasing.withLock { $0.isClosed = true }
        environment.close()
    }
}

extension Transaction where Self: ~Copyable {
    /// A row kept as JSON; nil where there is none.
    /// - Throws: `LedgerError` with `damaged`, naming the row, where a value in it may not be.
    func row<Row: Decodable>(
        _ type: Row.Type, in table: BytesTable, at key: String
    ) throws -> Row? {
        try withValue(table, at: Array(key.utf8)) { try Row(row: $0, at: key) }
    }

    /// A value that is text; nil where there is none.
    func text(in table: BytesTable, at key: String) throws -> String? {
        try withValue(table, at: Array(key.utf8)) { String(decoding: $0.array(), as: UTF8.self) }
    }
}

extension WriteTransaction {
    /// Keeps a row as JSON.
    func put(_ row: some Encodable, in table: BytesTable, at key: String) throws {
        try put(bytes: Array(try JSONEncoder().encode(row)), in: table, at: key)
    }

    /// Keeps bytes. (Bytes are encodable themselves: the label keeps them from becoming JSON.)
    func put(bytes: [UInt8], in table: BytesTable, at key: String) throws {
        try withBytes(of: bytes) { try put(table, key: Array(key.utf8), value: $0) }
    }
}

extension Decodable {
    /// Reads a row's bytes.
    init(row: RawSpan) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(row.array()))
    }

    /// Reads a row's bytes, and names the account where a value in it may not be.
    /// - Parameter key: what the row is kept under: an account's user id.
    init(row: RawSpan, at key: String) throws {
        do { self = try Self(row: row) } catch let error as MalformedValue {
            throw LedgerError(.damaged, "the account \(key): \(error.reason)")
        }
    }
}
