// The machine's own floor, without the engine: what a flush and a commit cost.
//
// A raw flush writes one page into a file whose blocks are there and flushes its data; a raw commit
// is LMDB's, with both of its flushes. They are taken in turns, so that whatever else the machine
// does meets them alike.

import Gavel
import GavelProgram
import LMDB
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One measurement of the floor.
package final class CommitFloor {
    package static let recordsPerCommit = [1, 10, 100, 1_000]

    private static let pageBytes = 4_096
    private static let pages = 1_024

    private let descriptor: Int32
    private let environment: Environment
    private let table: IntegerTable
    private let record: [UInt8]
    private let page = [UInt8](repeating: 7, count: CommitFloor.pageBytes)
    private var nextKey: UInt64 = 0
    private var nextPage = 0
    private let clock = SystemClock()

    package init(_ base: String, bytes: Int) throws {
        let path = base + "/flush"
        record = [UInt8](repeating: 7, count: bytes)
        environment = try Environment(at: base + "/lmdb")
        table = try environment.integerTable(named: "records", create: true)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure(.unusable, "\(path) cannot be written: \(systemError())")
        }
        // Written out, not only reserved: a flush then has no blocks to find.
        for _ in 0..<Self.pages { try writePage() }
        guard fsync(descriptor) == 0 else {
            throw Failure(.unusable, "\(path) cannot be flushed: \(systemError())")
        }
    }

    deinit {
        close(descriptor)
        environment.close()
    }

    package func measure(seconds: Double) throws -> Figures {
        var progress = Progress("commits")
        defer { progress.clear() }
        let start = clock.uptimeNanoseconds()
        let span = Int64(seconds * 1_000_000_000)
        var flushes = LatencyDigest()
        var commits = Self.recordsPerCommit.map { _ in LatencyDigest() }
        var elapsed: Int64 = 0
        repeat {
            flushes.record(try timed(flush))
            for (index, records) in Self.recordsPerCommit.enumerated() {
                commits[index].record(try timed { try commit(records) })
            }
            elapsed = clock.uptimeNanoseconds() - start
            progress.show(UInt64(min(elapsed, span)), of: UInt64(span))
        } while elapsed < span
        return figures(flushes, commits)
    }

    private func figures(_ flushes: LatencyDigest, _ commits: [LatencyDigest]) -> Figures {
        var figures = Figures()
        figures.add("raw_flush", flushes.quantiles)
        for (records, digest) in zip(Self.recordsPerCommit, commits) {
            let name = "lmdb_commit_of_\(records)"
            figures.add(name, digest.quantiles)
            if let quantiles = digest.quantiles {
                figures.add(
                    "\(name)_records_per_second", perSecond(records, Int64(quantiles.p50)))
            }
        }
        figures.add("rounds", flushes.count)
        return figures
    }

    private func timed(_ body: () throws -> Void) rethrows -> Int64 {
        let start = clock.uptimeNanoseconds()
        try body()
        return clock.uptimeNanoseconds() - start
    }

    private func writePage() throws {
        let offset = off_t(nextPage % Self.pages * Self.pageBytes)
        nextPage += 1
        let count = page.withUnsafeBytes { pwrite(descriptor, $0.baseAddress!, $0.count, offset) }
        guard count == Self.pageBytes else {
            throw Failure(.unusable, "a page could not be written: \(systemError())")
        }
    }

    private func flush() throws {
        try writePage()
        #if os(Linux)
            let result = fdatasync(descriptor)
        #else
            let result = fcntl(descriptor, F_FULLFSYNC)
        #endif
        guard result != -1 else {
            throw Failure(.unusable, "a flush failed: \(systemError())")
        }
    }

    private func commit(_ records: Int) throws {
        try environment.write { transaction in
            for _ in 0..<records {
                try withBytes(of: record) {
                    try transaction.append(table, key: nextKey, value: $0)
                }
                nextKey += 1
            }
        }
    }
}
