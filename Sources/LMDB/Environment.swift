// An LMDB environment: one folder with a data file, and a lock file unless it does without,
// opened once.
//
// Invariants:
// - A process opens a file at most once (lmdb.h, "Do not have open an LMDB database twice in the
//   same process"): a second open succeeds in LMDB and silently costs the first one its locks.
//   `EnvironmentRegistry` refuses it, by device and inode.
// - LMDB maps a file only after `FileHead` has checked it.
// - Every use of the handle is counted by `Gate`. The handle is closed, and the map moved, only
//   when there is none, so nothing is ever used after it was freed.
// - Always MDB_NOTLS, so reads belong to the closure and not to the thread; never MDB_WRITEMAP,
//   so a stray pointer cannot write to the file and a full disk is an error, not a SIGBUS.
// - One write transaction begins and ends on one thread, inside one synchronous closure. LMDB's
//   write lock belongs to the thread: a commit elsewhere would leave it locked for ever.
// - Without a lock file LMDB knows of no reader and overwrites what one still reads. So there are
//   no read transactions then: `DataFileReader` reads, which needs none.

import CLMDB
import Platform
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder of tables in one memory-mapped file: many readers, one writer, each commit atomic.
///
///     let environment = try Environment(at: path)
///     let frames = try environment.integerTable(named: "frames", create: true)
///     try environment.write { transaction in
///         try transaction.append(frames, key: 0, value: bytes)
///     }
///     let size = try environment.read { transaction in
///         try transaction.withValue(frames, at: 0) { $0.byteCount }
///     }
///
/// It may be used from any thread. Not for remote file systems, not after `fork` (lmdb.h,
/// "Caveats"), and not for files of parties that are not trusted, unless `DataFileWalk` has found
/// them sound: LMDB 0.9 does not survive a crafted file.
public final class Environment: Sendable {
    /// When a commit is safe from a power failure. A crash of the process loses nothing in any.
    public enum SyncMode: Sendable {
        /// Two flushes a commit: what was committed stays.
        case full
        /// One flush a commit: the file stays valid, but the last commit may be undone. A commit
        /// is safe once the next one or `sync()` has returned.
        case noMetaSync
        /// No flush: a power failure may destroy the file. Only for data that can be rebuilt.
        case none
    }

    /// How to open an environment.
    public struct Configuration: Sendable {
        /// The size the file may grow to. Without MDB_WRITEMAP this costs address space only.
        public var mapSizeBytes: Int
        /// How many tables may exist. Each costs a few words in every transaction.
        public var maxTables: Int
        /// How many reads may be under way at once over all processes. The first process to open
        /// the file decides.
        public var maxReaders: Int
        /// Refuses writes. The lock file still has to be writable, unless the file system is not.
        public var isReadOnly: Bool
        public var syncMode: SyncMode
        /// Keeps the table of readers and the lock of writers in `lock.mdb`. Without (MDB_NOLOCK)
        /// reads are refused, and the owner keeps every other writer away, also in other processes:
        /// LMDB's file is keyed by process ids, which mean nothing between containers.
        public var usesLockFile: Bool
        /// Creates the folder, private to its owner, when it is missing.
        public var createsDirectory: Bool
        /// Makes a data file anew whose first creation was cut short, and in which nothing was ever
        /// committed. For who keeps others from creating it at the same moment.
        public var resumesCreation: Bool

        public init(
            mapSizeBytes: Int = 1 << 40, maxTables: Int = 8, maxReaders: Int = 1022,
            isReadOnly: Bool = false, syncMode: SyncMode = .full, usesLockFile: Bool = true,
            createsDirectory: Bool = true, resumesCreation: Bool = false
        ) {
            self.mapSizeBytes = mapSizeBytes
            self.maxTables = maxTables
            self.maxReaders = maxReaders
            self.isReadOnly = isReadOnly
            self.syncMode = syncMode
            self.usesLockFile = usesLockFile
            self.createsDirectory = createsDirectory
            self.resumesCreation = resumesCreation
        }
    }

    public let directory: String
    public let configuration: Configuration
    /// Tells environments of one process apart; never used twice.
    let serial: UInt64
    let gate: Gate
    /// Tables opened so far. Taken after LMDB's write lock, never before it.
    let tables = Mutex(TableCache())
    /// The thread that is inside `write`, or 0.
    let writingThread = Atomic<UInt>(0)

    /// Opens the environment in a folder.
    ///
    /// Slots of readers that died are cleared, and a new file's name is made durable.
    ///
    /// - Throws: `.alreadyOpen`, `.fileDamaged`, `.fileTruncated`, `.foreignFile`,
    ///   `.versionMismatch` and `.pageSizeMismatch` before LMDB has touched the file; `.system`
    ///   for a missing or forbidden folder; else what `mdb_env_open` refuses.
    public init(
        at directory: String, configuration: Configuration = Configuration()
    ) throws(LMDBError) {
        let opened = try EnvironmentRegistry.open(at: directory, configuration)
        self.directory = directory
        self.configuration = configuration
        serial = opened.serial
        let identities = opened.identities
        gate = Gate(opened.handle) { EnvironmentRegistry.close($0, identities) }
        try clearStaleReaders()
    }

    // No transaction can be under way: each keeps the environment alive.
    deinit { gate.close() }

    /// Closes the environment, and returns when the file is free to be opened again. What begins
    /// now throws `.closed`, also inside a transaction that is under way; that one is waited for.
    /// Closing again does the same.
    ///
    /// Inside a transaction of the same thread this does not wait: the environment is closed when
    /// that transaction ends.
    public func close() { gate.close() }

    // MARK: Transactions

    /// Runs `body` on a snapshot of the last commit.
    ///
    /// Reads never wait for a writer and may be nested; each has a snapshot of its own. A read
    /// inside `write` does not see what is being written: ask the write transaction.
    ///
    /// - Throws: what `body` throws; `.closed`, `.readersFull`, `.mapResized` (see `Code`);
    ///   `.badTransaction` without a lock file.
    @inlinable
    public func read<R: ~Copyable>(
        _ body: (borrowing ReadTransaction) throws -> R
    ) throws -> R {
        let state = try beginRead()
        defer { abort(state) }
        return try body(ReadTransaction(state))
    }

    /// Runs `body` in the one write transaction, and commits when it returns.
    ///
    /// Waits for the writer of another thread or process to finish; without a lock file it is
    /// refused while another thread writes. When `body` throws, or one of its writes failed and
    /// `body` went on, nothing is written.
    ///
    /// - Throws: what `body` throws; the failure of a write that `body` swallowed;
    ///   `.badTransaction` inside another `write` on the same thread, instead of waiting for
    ///   itself, and without a lock file on any thread; `.panic` after a commit or a sync has
    ///   failed, until reopened; and with the operation `commit` whatever the commit fails with. If
    ///   that is a `.system` error the outcome is unknown until the file was reopened.
    @inlinable
    public func write<R: ~Copyable>(
        _ body: (borrowing WriteTransaction) throws -> R
    ) throws -> R {
        let state = try beginWrite()
        let result: R
        do {
            result = try body(WriteTransaction(state))
        } catch {
            abort(state)
            throw error
        }
        try commit(state)
        return result
    }

    @usableFromInline
    func beginRead() throws(LMDBError) -> TransactionState {
        try refuseWithoutLockFile("begin")
        return try begin(isWriting: false)
    }

    /// Throws where LMDB would not keep for a reader what it reads.
    func refuseWithoutLockFile(_ operation: String) throws(LMDBError) {
        guard configuration.usesLockFile else {
            throw LMDBError(
                .badTransaction, operation: operation,
                reason: "\(directory) has no lock file: DataFileReader reads it")
        }
    }

    @usableFromInline
    func beginWrite() throws(LMDBError) -> TransactionState {
        try refuseInsideWrite("begin")
        try gate.refuseAfterFailure()
        if configuration.usesLockFile {
            let state = try begin(isWriting: true)
            writingThread.store(currentThreadNumber(), ordering: .relaxed)
            return state
        }
        let taken = writingThread.compareExchange(
            expected: 0, desired: currentThreadNumber(), ordering: .acquiring)
        guard taken.exchanged else {
            throw LMDBError(
                .badTransaction, operation: "begin", reason: "another thread writes \(directory)")
        }
        do { return try begin(isWriting: true) } catch {
            forgetWritingThread()
            throw error
        }
    }

    @usableFromInline
    func abort(_ state: TransactionState) {
        // The handle is alive until here and forgotten by the state.
        let transaction = unsafe state.end()
        ending(state) { unsafe mdb_txn_abort(transaction) }
        gate.leave()
    }

    @usableFromInline
    func commit(_ state: TransactionState) throws(LMDBError) {
        if let failure = state.failure {
            abort(state)
            throw failure
        }
        // As in `abort`; a failed commit frees the transaction too.
        let transaction = unsafe state.end()
        let result = ending(state) {
            unsafe state.isWriting ? commit(transaction) : mdb_txn_commit(transaction)
        }
        defer { gate.leave() }
        if result != MDB_SUCCESS {
            let error = LMDBError(
                writing: result, operation: "commit", reason: directory, in: directory)
            gate.remember(failure: error, of: result)
            throw error
        }
    }

    /// Commits what was written, and answers LMDB's result.
    private func commit(_ transaction: OpaquePointer) -> Int32 {
        // Given away by the state: nobody else uses the transaction.
        if FileFaults.outcome(of: .commit) != .goesOn {
            unsafe mdb_txn_abort(transaction)
            return EIO
        }
        let result = unsafe mdb_txn_commit(transaction)
        return FileFaults.outcome(of: .committed) == .goesOn ? result : EIO
    }

    /// Throws when the running thread is inside `write`, where it would wait for itself.
    func refuseInsideWrite(_ operation: String) throws(LMDBError) {
        if writingThread.load(ordering: .relaxed) == currentThreadNumber() {
            throw LMDBError(
                .badTransaction, operation: operation,
                reason: "a write is under way on this thread already")
        }
    }

    /// Ends a transaction, and forgets who was writing: before LMDB gives its write lock up, since
    /// afterwards it could be another thread's note; without a lock file the note is the lock, and
    /// goes after the transaction.
    private func ending<R>(_ state: TransactionState, _ body: () -> R) -> R {
        guard state.isWriting else { return body() }
        if configuration.usesLockFile { forgetWritingThread() }
        defer { if !configuration.usesLockFile { forgetWritingThread() } }
        return body()
    }

    private func forgetWritingThread() {
        writingThread.store(0, ordering: .releasing)
    }

    /// Begins a transaction. When another process has let the file outgrow our map, the map is
    /// renewed and the transaction begun again.
    func begin(isWriting: Bool) throws(LMDBError) -> TransactionState {
        let flags = isWriting ? 0 : UInt32(MDB_RDONLY)
        for _ in 0..<3 {
            let environment = try gate.enter("begin")
            var transaction: OpaquePointer?
            // `transaction` outlives the call, which sets it on success.
            let result = unsafe mdb_txn_begin(environment.pointer, nil, flags, &transaction)
            if result == MDB_SUCCESS {
                return unsafe TransactionState(
                    environment: self, isWriting: isWriting, handle: transaction!)
            }
            gate.leave()
            if result != MDB_MAP_RESIZED { try check(result, "begin", directory) }
            try renewMap()
        }
        throw LMDBError(.mapResized, operation: "begin", reason: directory)
    }

    /// Adopts the map size another process has set. LMDB unmaps the file for this, so it waits for
    /// the transactions of this process to end, up to a second: the running one may be our own.
    private func renewMap() throws(LMDBError) {
        do {
            guard try gate.lockOut(timeoutMilliseconds: 1000, "begin") else { return }
        } catch {
            throw error.code == .busy
                ? LMDBError(.mapResized, operation: "begin", reason: directory) : error
        }
        defer { gate.letIn() }
        // Locked out: no transaction of this process has the map in use. 0 adopts the new size.
        if let handle = gate.handleWhileLockedOut() {
            try check(unsafe mdb_env_set_mapsize(handle.pointer, 0), "begin", directory)
        }
    }
}

/// A pointer to LMDB's environment.
///
/// Sendable without a check because LMDB's functions for environments may be called from any
/// thread; that none is called after closing is what `Gate` is for.
@safe
struct EnvironmentHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}
