// Copying, flushing and looking at an environment.

import CLMDB
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Environment {
    /// Figures about the file and its users, as of one moment.
    public struct Info: Sendable, Equatable {
        public var pageSizeBytes: Int
        public var mapSizeBytes: Int
        /// The number of the last page in use.
        public var lastPage: UInt64
        /// The number of the last committed transaction.
        public var lastTransactionID: UInt64
        /// Reads under way in all processes, dead ones included until they are cleared.
        public var readersInUse: Int
        public var maxReaders: Int
        /// The length of the data file.
        public var fileBytes: Int
        /// The bytes up to the last page in use. Free pages among them are reused.
        public var usedBytes: Int { Int(lastPage + 1) * pageSizeBytes }
    }

    /// A slot of the table of readers.
    public struct Reader: Sendable, Equatable {
        public var pid: Int32
        /// The snapshot it reads; nil for a slot between two reads.
        public var transactionID: UInt64?
    }

    /// Figures about the file and its users.
    public var info: Info {
        get throws(LMDBError) {
            let handle = try gate.enter("info")
            defer { gate.leave() }
            var info = unsafe MDB_envinfo()
            var statistics = MDB_stat()
            // Both outlive the calls, which fill them.
            try check(unsafe mdb_env_info(handle.pointer, &info), "info", directory)
            try check(unsafe mdb_env_stat(handle.pointer, &statistics), "info", directory)
            let readersInUse = try readers().count { $0.transactionID != nil }
            let descriptor = try fileDescriptor(handle)
            let fileBytes = try onFiles { () throws(FileError) in
                try fileByteCount(of: descriptor, path: directory)
            }
            // Numbers only; unsafe to Swift because the struct also has an address in it.
            return unsafe Info(
                pageSizeBytes: Int(statistics.ms_psize), mapSizeBytes: info.me_mapsize,
                lastPage: UInt64(info.me_last_pgno),
                lastTransactionID: UInt64(info.me_last_txnid), readersInUse: readersInUse,
                maxReaders: Int(info.me_maxreaders), fileBytes: fileBytes)
        }
    }

    /// The slots of readers in all processes.
    public func readers() throws(LMDBError) -> [Reader] {
        let handle = try gate.enter("readers")
        defer { gate.leave() }
        var text = ""
        // LMDB calls back before it returns, with C strings of its own and the pointer to `text`.
        let result = unsafe withUnsafeMutablePointer(to: &text) { text in
            unsafe mdb_reader_list(
                handle.pointer,
                { line, text in
                    unsafe text!.assumingMemoryBound(to: String.self).pointee +=
                        String(cString: line!)
                    return 0
                }, text)
        }
        // The callback returns 0, so a negative result is LMDB's.
        if result < 0 { try check(result, "readers", directory) }
        return text.split(separator: "\n").compactMap { Reader(line: $0) }
    }

    /// How many commits the oldest read under way lies behind the last one, or nil without reads.
    ///
    /// While it grows, so does the file: pages freed since cannot be reused.
    public var oldestReaderLag: UInt64? {
        get throws(LMDBError) {
            guard let oldest = try readers().compactMap(\.transactionID).min() else { return nil }
            let last = try info.lastTransactionID
            return last - min(oldest, last)
        }
    }

    /// Frees the slots of readers whose process has died, and returns how many there were.
    ///
    /// A dead reader pins pages like a living one (lmdb.h, "Caveats"): besides at opening, do this
    /// every minute or so when other processes read.
    @discardableResult
    public func clearStaleReaders() throws(LMDBError) -> Int {
        let handle = try gate.enter("clear readers")
        defer { gate.leave() }
        var cleared: Int32 = 0
        // `cleared` outlives the call, which sets it.
        try check(unsafe mdb_reader_check(handle.pointer, &cleared), "clear readers", directory)
        return Int(cleared)
    }

    /// Flushes everything committed so far to the device, whatever the mode.
    ///
    /// - Throws: `.panic` after an earlier failure; `.system` with an unknown outcome.
    public func sync() throws(LMDBError) {
        let handle = try gate.enter("sync")
        defer { gate.leave() }
        try gate.refuseAfterFailure()
        let result = unsafe mdb_env_sync(handle.pointer, 1)
        if result != MDB_SUCCESS {
            let error = LMDBError(
                writing: result, operation: "sync", reason: directory, in: directory)
            gate.remember(failure: error, of: result)
            throw error
        }
    }

    /// Copies a snapshot into another folder while reading and writing go on, durably.
    ///
    /// The folder is created if it is missing; it must not hold an environment. The source grows
    /// while a slow copy runs, as beside any long read.
    ///
    /// - Parameter compacting: leaves out free pages and renumbers the rest.
    /// - Throws: `.badTransaction` inside `write` on the same thread, or without a lock file;
    ///   `.system(EEXIST)` when there
    ///   is a data file already. What was copied so far is removed then.
    public func copy(to directory: String, compacting: Bool) throws(LMDBError) {
        // A plain copy takes the write lock for a moment.
        try refuseInsideWrite("copy")
        try refuseWithoutLockFile("copy")
        let handle = try gate.enter("copy")
        defer { gate.leave() }
        let isNewDirectory = !FileSystem.isDirectory(directory)
        try onFiles { () throws(FileError) in try FileSystem.createDirectory(directory) }
        let file = directory + "/data.mdb"
        if FileSystem.exists(file) {
            throw LMDBError(.system(EEXIST), operation: "copy", reason: file)
        }
        do throws(LMDBError) {
            let flags = compacting ? UInt32(MDB_CP_COMPACT) : 0
            guard FileFaults.outcome(of: .copy) == .goesOn else {
                throw LMDBError(.system(EIO), operation: "copy", reason: directory)
            }
            try check(
                unsafe mdb_env_copy2(handle.pointer, directory, flags), "copy", directory,
                writingIn: directory)
            try onFiles { () throws(FileError) in
                try FileSystem.syncFile(file)
                try FileSystem.syncDirectory(directory)
                if isNewDirectory, let parent = FileSystem.parentDirectory(of: directory) {
                    try FileSystem.syncDirectory(parent)
                }
            }
        } catch {
            try? FileSystem.remove(file)
            throw error
        }
    }

    /// LMDB's own descriptor of the data file: opening and closing another could drop locks.
    func fileDescriptor(_ handle: EnvironmentHandle) throws(LMDBError) -> Int32 {
        var descriptor: Int32 = -1
        // `descriptor` outlives the call, which sets it.
        try check(unsafe mdb_env_get_fd(handle.pointer, &descriptor), "stat", directory)
        return descriptor
    }
}

extension Environment.Reader {
    /// Parses "pid thread transaction" as `mdb_reader_list` prints it; nil for its other lines.
    fileprivate init?(line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count == 3, let pid = Int32(fields[0]) else { return nil }
        self.init(pid: pid, transactionID: UInt64(fields[2]))
    }
}
