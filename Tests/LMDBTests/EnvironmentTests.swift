// Opening, closing, sharing, copying and growing environments.

import Foundation
import LMDB
import Platform
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Environments")
struct EnvironmentTests {
    @Test(
        "what was committed is there after reopening",
        arguments: [
            Environment.SyncMode.full, .noMetaSync, .none,
        ])
    func reopening(mode: Environment.SyncMode) throws {
        try withTemporaryDirectory { directory in
            for round: UInt64 in 0..<3 {
                let environment = try Environment(
                    at: directory + "/a/b", configuration: .init(syncMode: mode))
                let table = try environment.integerTable(named: "t", create: true)
                let keys = try environment.read { try $0.keys(table) }
                #expect(keys == Array(0..<round))
                try environment.write { try $0.append(table, round, value(round)) }
                try environment.sync()
                environment.close()
            }
        }
    }

    @Test("a second open of the same file in one process is refused, by whatever path")
    func doubleOpen() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/environment"
            let link = directory + "/link"
            var environment: Environment? = try Environment(at: path)
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
            for other in [path, path + "/", link] {
                #expect(throws: LMDBError.code(.alreadyOpen)) { try Environment(at: other) }
            }
            environment?.close()
            environment = try Environment(at: link)
            // Releasing the last reference closes as well.
            environment = nil
            _ = try Environment(at: path)
        }
    }

    @Test("using a closed environment is an error, closing it again is none")
    func closed() throws {
        try withEnvironment { environment, integers, _ in
            environment.close()
            environment.close()
            let uses: [() throws -> Void] = [
                { try environment.read { _ in } },
                { try environment.write { _ in } },
                { try environment.sync() },
                { _ = try environment.info },
                { _ = try environment.readers() },
                { try environment.clearStaleReaders() },
                { _ = try environment.integerTable(named: "integers", create: true) },
                { try environment.copy(to: environment.directory + "/copy", compacting: false) },
            ]
            for use in uses {
                #expect(throws: LMDBError.code(.closed)) { try use() }
            }
        }
    }

    @Test("closing inside a read or a write ends what begins after it, and closes when it ends")
    func closingWhileUsed() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(at: directory)
            let table = try environment.integerTable(named: "t", create: true)
            try environment.write { transaction in
                environment.close()
                #expect(throws: LMDBError.code(.closed)) { try environment.read { _ in } }
                #expect(throws: LMDBError.code(.alreadyOpen)) { try Environment(at: directory) }
                try transaction.append(table, 0, [1])
            }
            // The last use has let go of it.
            let again = try Environment(at: directory)
            let reopened = try again.integerTable(named: "t", create: false)
            let value = try again.read { transaction in
                again.close()
                #expect(throws: LMDBError.code(.closed)) { try again.info }
                return try transaction.value(reopened, 0)
            }
            #expect(value == [1])
            try Environment(at: directory).close()
        }
    }

    @Test("closing waits for the reads of other threads, ends those after it, and frees the file")
    func closingWaits() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        for _ in 0..<50 {
            let environment = try Environment(at: directory)
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let ended = Mutex(0)
            // Threads of their own: each is inside a read when closing begins, and goes on reading.
            for _ in 0..<4 {
                Thread.detachNewThread {
                    var isFirst = true
                    while true {
                        let read: Void? = try? environment.read { _ in
                            if isFirst { start.yield() }
                            isFirst = false
                            usleep(200)
                        }
                        if read == nil { break }
                    }
                    ended.withLock { $0 += 1 }
                    start.yield()
                }
            }
            var signals = started.makeAsyncIterator()
            for _ in 0..<4 { _ = await signals.next() }
            // Two close at once: both return when it is closed.
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        environment.close()
                        #expect(throws: LMDBError.code(.closed)) { try environment.read { _ in } }
                    }
                }
            }
            try Environment(at: directory + "/.").close()
            for _ in 0..<4 { _ = await signals.next() }
            #expect(ended.withLock { $0 } == 4)
        }
    }

    @Test("a write inside a write on the same thread is refused instead of waiting for ever")
    func nestedWrite() throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { transaction in
                #expect(throws: LMDBError.code(.badTransaction)) {
                    try environment.write { _ in }
                }
                #expect(throws: LMDBError.code(.badTransaction)) {
                    try environment.bytesTable(named: "another", create: true)
                }
                #expect(throws: LMDBError.code(.badTransaction)) {
                    try environment.copy(to: environment.directory + "/copy", compacting: false)
                }
                #expect(throws: LMDBError.code(.notFound)) {
                    try environment.bytesTable(named: "another", create: false)
                }
                try transaction.append(integers, 0, [1])
            }
            try environment.write { try $0.append(integers, 1, [1]) }
        }
    }

    @Test("writes of many threads happen one after the other")
    func concurrentWrites() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let environment = try Environment(at: directory, configuration: .init(syncMode: .none))
        let table = try environment.integerTable(named: "t", create: true)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<100 {
                        try environment.write { transaction in
                            let next = try transaction.withLast(in: table) { key, _ in key + 1 }
                            try transaction.append(table, next ?? 0, [1])
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let keys = try environment.read { try $0.keys(table) }
        #expect(keys == Array(0..<400))
    }

    @Test("a read keeps its snapshot while a writer commits")
    func snapshot() throws {
        try withEnvironment { environment, integers, _ in
            try environment.write { try $0.append(integers, 0, [1]) }
            try environment.read { transaction in
                for key: UInt64 in 1..<200 {
                    try environment.write { try $0.append(integers, key, value(key)) }
                }
                try environment.write { try $0.put(integers, 0, [2]) }
                let keys = try transaction.keys(integers)
                let first = try transaction.value(integers, 0)
                let lag = try environment.oldestReaderLag
                let readers = try environment.readers()
                #expect(keys == [0])
                #expect(first == [1])
                #expect(lag == 200)
                #expect(readers.map(\.pid) == [getpid()])
            }
            let now = try environment.read { try $0.value(integers, 0) }
            #expect(now == [2])
            #expect(try environment.oldestReaderLag == nil)
        }
    }

    @Test("a table of the wrong kind, a missing one and one too many are refused")
    func tables() throws {
        try withTemporaryDirectory { directory in
            let environment = try Environment(
                at: directory, configuration: .init(maxTables: 2, syncMode: .none))
            _ = try environment.integerTable(named: "integers", create: true)
            _ = try environment.bytesTable(named: "bytes", create: true)
            #expect(throws: LMDBError.code(.incompatible)) {
                try environment.integerTable(named: "bytes", create: true)
            }
            #expect(throws: LMDBError.code(.databasesFull)) {
                try environment.bytesTable(named: "third", create: true)
            }
            environment.close()
            let readOnly = try Environment(
                at: directory, configuration: .init(isReadOnly: true))
            #expect(throws: LMDBError.code(.notFound)) {
                try readOnly.bytesTable(named: "missing", create: false)
            }
            #expect(throws: LMDBError.code(.incompatible)) {
                try readOnly.bytesTable(named: "integers", create: false)
            }
            let table = try readOnly.integerTable(named: "integers", create: false)
            #expect(try readOnly.read { try $0.count(of: table) } == 0)
        }
    }

    @Test("a read-only environment refuses writes and creates nothing")
    func readOnly() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/missing"
            let configuration = Environment.Configuration(isReadOnly: true)
            let missing = #expect(throws: LMDBError.self) {
                try Environment(at: path, configuration: configuration)
            }
            #expect(missing?.isNoSuchFile == true)
            try FileSystem.createDirectory(path)
            let empty = #expect(throws: LMDBError.self) {
                try Environment(at: path, configuration: configuration)
            }
            #expect(empty?.isNoSuchFile == true)
            #expect(try FileSystem.listDirectory(path) == [])
            try Environment(at: path).close()
            let environment = try Environment(at: path, configuration: configuration)
            let refused = #expect(throws: LMDBError.self) { try environment.write { _ in } }
            #expect(refused?.isAccessDenied == true)
        }
    }

    @Test("figures say what is used")
    func info() throws {
        try withEnvironment(.init(mapSizeBytes: 1 << 30, maxReaders: 17)) {
            environment, integers, _ in
            let before = try environment.info
            try environment.write { try $0.append(integers, 0, [UInt8](repeating: 1, count: 9000)) }
            let after = try environment.read { _ in try environment.info }
            #expect(after.lastTransactionID == before.lastTransactionID + 1)
            #expect(after.lastPage > before.lastPage)
            #expect(after.mapSizeBytes == 1 << 30)
            #expect(after.maxReaders == 17)
            #expect(after.readersInUse == 1)
            #expect(before.readersInUse == 0)
            #expect(after.fileBytes == after.usedBytes)
        }
    }

    @Test(
        "an online copy taken beside a writer opens and holds one moment of it",
        arguments: [
            false, true,
        ])
    func onlineCopy(compacting: Bool) async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let environment = try Environment(
            at: directory + "/source", configuration: .init(syncMode: .none))
        let table = try environment.integerTable(named: "t", create: true)
        try environment.write { transaction in
            for key: UInt64 in 0..<5000 { try transaction.append(table, key, value(key)) }
        }
        let writing = Task.detached {
            for key: UInt64 in 5000..<8000 {
                try environment.write { try $0.append(table, key, value(key)) }
            }
        }
        for number in 0..<5 {
            let path = "\(directory)/copy-\(number)"
            try environment.copy(to: path, compacting: compacting)
            let copy = try Environment(at: path)
            let copied = try copy.integerTable(named: "t", create: false)
            try copy.read { transaction in
                var next: UInt64 = 0
                try transaction.forEach(in: copied) { key, bytes in
                    guard key == next, bytes.array() == value(key) else { return false }
                    next += 1
                    return true
                }
                let count = try transaction.count(of: copied)
                #expect(count >= 5000)
                #expect(next == UInt64(count))
            }
            try copy.write { try $0.put(copied, 9999, [1]) }
            let again = #expect(throws: LMDBError.self) {
                try environment.copy(to: path, compacting: compacting)
            }
            #expect(again?.isFileExists == true)
        }
        try await writing.value
    }
}

#if os(Linux)
    @Suite("Failing commits")
    struct FailingCommitTests {
        /// Limits the length of the files this process may write; nil lifts the limit.
        static func limitFiles(_ byteCount: Int?) {
            // Without this the limit kills the process instead of failing the call.
            _ = signal(SIGXFSZ, SIG_IGN)
            let bytes = byteCount.map { rlim_t($0) } ?? rlim_t.max
            var limit = rlimit(rlim_cur: bytes, rlim_max: rlim_t.max)
            // `limit` outlives the call, which reads it.
            let result = unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            precondition(result == 0)
        }

        // In a process of its own, since the limit is the whole process's.
        @Test("a failed commit is named, and writing ends there until the file was reopened")
        func failedCommit() async {
            await #expect(processExitsWith: .success) {
                try withTemporaryDirectory { directory in
                    let environment = try Environment(at: directory)
                    let table = try environment.integerTable(named: "t", create: true)
                    try environment.write { try $0.append(table, 0, [1]) }
                    Self.limitFiles(try environment.info.fileBytes)
                    let large = [UInt8](repeating: 1, count: 100_000)
                    let failed = #expect(throws: LMDBError.code(.system(EFBIG))) {
                        try environment.write { try $0.append(table, 1, large) }
                    }
                    #expect(failed?.operation == "commit")
                    Self.limitFiles(nil)
                    #expect(throws: LMDBError.code(.panic)) {
                        try environment.write { try $0.append(table, 1, large) }
                    }
                    #expect(throws: LMDBError.code(.panic)) { try environment.sync() }
                    let keys = try environment.read { try $0.keys(table) }
                    #expect(keys == [0])
                    environment.close()
                    let reopened = try Environment(at: directory)
                    let again = try reopened.integerTable(named: "t", create: false)
                    try reopened.write { try $0.append(again, 1, large) }
                    let count = try reopened.read { try $0.count(of: again) }
                    #expect(count == 2)
                }
            }
        }
    }
#endif

@Suite("Environments and other processes")
struct OtherProcessTests {
    @Test("a reader that was killed keeps its slot until it is cleared")
    func staleReader() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let environment = try Environment(at: directory)
        let table = try environment.integerTable(named: "t", create: true)
        try environment.write { try $0.append(table, 0, [1]) }
        await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
            let environment = try Environment(at: directory)
            try environment.read { _ in _ = kill(getpid(), SIGKILL) }
        }
        try environment.write { try $0.append(table, 1, [1]) }
        #expect(try environment.readers().count == 1)
        #expect(try environment.oldestReaderLag == 1)
        #expect(try environment.clearStaleReaders() == 1)
        #expect(try environment.clearStaleReaders() == 0)
        #expect(try environment.readers().isEmpty)
    }

    @Test("a writer that was killed inside its transaction leaves nothing and blocks nobody")
    func killedWriter() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let environment = try Environment(at: directory)
        let table = try environment.integerTable(named: "t", create: true)
        await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
            let environment = try Environment(at: directory)
            let table = try environment.integerTable(named: "t", create: false)
            try environment.write { try $0.append(table, 0, [1]) }
            try environment.write { transaction in
                try transaction.append(table, 1, [1])
                _ = kill(getpid(), SIGKILL)
            }
        }
        try environment.write { try $0.append(table, 2, [1]) }
        let keys = try environment.read { try $0.keys(table) }
        #expect(keys == [0, 2])
    }

    @Test(
        "a file that another process let outgrow the map is mapped anew",
        arguments: [
            false, true,
        ])
    func outgrownMap(isReading: Bool) async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let environment = try Environment(
            at: directory, configuration: .init(mapSizeBytes: 1 << 20))
        let table = try environment.integerTable(named: "t", create: true)
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let environment = try Environment(
                at: directory, configuration: .init(mapSizeBytes: 1 << 26))
            let table = try environment.integerTable(named: "t", create: false)
            let large = [UInt8](repeating: 7, count: 4 << 20)
            try environment.write { try $0.append(table, 0, large) }
        }
        if isReading {
            let count = try environment.read { try $0.value(table, 0)?.count }
            #expect(count == 4 << 20)
        } else {
            try environment.write { try $0.append(table, 1, [1]) }
            let keys = try environment.read { try $0.keys(table) }
            #expect(keys == [0, 1])
        }
        #expect(try environment.info.mapSizeBytes == 1 << 26)
    }
}
