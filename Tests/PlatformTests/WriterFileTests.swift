// The right to write a ledger, within one process and between processes.

import Foundation
import Platform
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("The writer file")
struct WriterFileTests {
    @Test("a second writer in the same process is refused with the holder's pid")
    func sameProcess() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/writer"
            let writer = try WriterFile.acquire(at: path)
            #expect(throws: WriterFile.Held(pid: getpid())) { try WriterFile.acquire(at: path) }
            writer.release()
            writer.release()
            let next = try WriterFile.acquire(at: path)
            #expect(next.status.isHeld)
        }
    }

    @Test("the lock goes with the last reference")
    func deinitReleases() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/writer"
            var writer: WriterFile? = try WriterFile.acquire(at: path)
            #expect(writer?.status.pid == getpid())
            writer = nil
            #expect(try WriterFile.read(at: path)?.isHeld == false)
            _ = try WriterFile.acquire(at: path)
        }
    }

    @Test("a reader sees epoch and durable count, and whether the holder lives")
    func status() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/writer"
            #expect(try WriterFile.read(at: path) == nil)
            let writer = try WriterFile.acquire(at: path)
            try writer.setEpoch(3)
            try writer.publishDurable(1 << 40)
            let held = WriterFile.Status(
                isHeld: true, pid: getpid(), epoch: 3, durableCount: 1 << 40)
            #expect(try WriterFile.read(at: path) == held)
            #expect(writer.status == held)
            writer.release()
            let released = WriterFile.Status(
                isHeld: false, pid: nil, epoch: 3, durableCount: 1 << 40)
            #expect(try WriterFile.read(at: path) == released)
            #expect(throws: FileError.code(.closed)) { try writer.publishDurable(1) }
            // The next writer starts from what is still true.
            let next = try WriterFile.acquire(at: path)
            #expect(next.status.epoch == 3)
            #expect(next.status.durableCount == 1 << 40)
        }
    }

    @Test("reading does not get in a writer's way")
    func readingTakesNothing() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let path = directory + "/writer"
        try WriterFile.acquire(at: path).release()
        let reading = Task.detached {
            for _ in 0..<2000 { _ = try WriterFile.read(at: path) }
        }
        for _ in 0..<500 { try WriterFile.acquire(at: path).release() }
        try await reading.value
    }

    @Test("a reader never sees half a record")
    func tornReads() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let path = directory + "/writer"
        let writer = try WriterFile.acquire(at: path)
        let writing = Task.detached {
            // Every byte changes at once, so that a mixture of two records would show.
            for number: UInt64 in 0..<20_000 {
                try writer.publishDurable((number & 0xFF) &* 0x0101_0101_0101_0101)
            }
        }
        for _ in 0..<20_000 {
            let count = try #require(try WriterFile.read(at: path)).durableCount
            try #require(count == (count & 0xFF) &* 0x0101_0101_0101_0101)
        }
        try await writing.value
    }

    @Test("a second writer in another process is refused with the holder's pid")
    func otherProcess() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let path = directory + "/writer"
        let pid = getpid()
        let writer = try WriterFile.acquire(at: path)
        try writer.publishDurable(7)
        await #expect(processExitsWith: .success) { [path = path as String, pid = pid as Int32] in
            #expect(throws: WriterFile.Held(pid: pid)) { try WriterFile.acquire(at: path) }
            let status = try #require(try WriterFile.read(at: path))
            #expect(status.isHeld)
            #expect(status.durableCount == 7)
        }
        #expect(try WriterFile.read(at: path)?.isHeld == true)
    }

    @Test("the lock of a killed holder is free at once")
    func killedHolder() async throws {
        let directory = try FileSystem.temporaryDirectory("lmdb-tests-")
        defer { try? FileSystem.remove(directory) }
        let path = directory + "/writer"
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let writer = try WriterFile.acquire(at: path)
            try writer.setEpoch(5)
            try writer.publishDurable(9)
            _ = kill(getpid(), SIGKILL)
        }
        let status = try #require(try WriterFile.read(at: path))
        #expect(!status.isHeld)
        #expect(status.pid != nil && status.pid != getpid())
        #expect(status.durableCount == 9)
        let writer = try WriterFile.acquire(at: path)
        #expect(writer.status.pid == getpid())
        #expect(writer.status.epoch == 5)
    }

    @Test("a torn record of a dead holder binds nobody, another kind of file is refused")
    func damage() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/writer"
            try WriterFile.acquire(at: path).release()
            try rewrite(path) { $0[24] ^= 1 }
            #expect(try WriterFile.read(at: path)?.durableCount == 0)
            #expect(try WriterFile.acquire(at: path).status.durableCount == 0)
            try FileSystem.writeFileAtomically(path, Array("something else".utf8))
            #expect(throws: FileError.code(.foreign)) { try WriterFile.acquire(at: path) }
            #expect(throws: FileError.code(.foreign)) { try WriterFile.read(at: path) }
        }
    }
}
