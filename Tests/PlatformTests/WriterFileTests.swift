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
            let count = try #require(try WriterFile.read(at: path)?.durableCount)
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

    @Test("a damaged record binds nobody, and the next holder makes it anew")
    func damage() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/writer"
            let first = try WriterFile.acquire(at: path)
            #expect(!first.wasDamaged)
            let beat = WriterFile.Heartbeat(
                time: 1, boot: 2, bootID: (high: 3, low: 4), outageSince: 5)
            try first.publish(beat)
            first.release()
            let whole = try FileSystem.readFile(path)
            #expect(whole.count == 88)
            // Each bit of the record, the file cut at each length, and something else.
            var damaged = (0..<40 * 8).map { bit in
                var bytes = whole
                bytes[bit / 8] ^= 1 << UInt8(bit % 8)
                return bytes
            }
            damaged += (1..<40).map { Array(whole[..<$0]) } + [Array("something else".utf8)]
            for bytes in damaged {
                try FileSystem.writeFileAtomically(path, bytes)
                let read = try #require(try WriterFile.read(at: path))
                #expect(read.durableCount == nil && !read.isHeld)
                let writer = try WriterFile.acquire(at: path)
                #expect(writer.wasDamaged)
                #expect(writer.status.durableCount == 0)
                // The heartbeat has a check of its own.
                #expect(writer.lastHeartbeat == (bytes.count == 88 ? beat : nil))
                #expect(try WriterFile.read(at: path) == writer.status)
                writer.release()
            }
            try FileSystem.writeFileAtomically(path, whole)
            #expect(try !WriterFile.acquire(at: path).wasDamaged)
        }
    }

    @Test("what is damaged under a living holder binds no reader, and is whole with its heartbeat")
    func damageUnderHolder() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/writer"
            let writer = try WriterFile.acquire(at: path)
            try writer.publishDurable(7)
            for place in [0, 3, 24, 39] {
                let file = try Descriptor(opening: path, O_RDWR, operation: "test")
                try withBytes(of: [0xA5]) { try file.write($0, at: place) }
                let read = try #require(try WriterFile.read(at: path))
                #expect(read.isHeld && read.durableCount == nil)
                try writer.publish(
                    .init(time: 1, boot: 2, bootID: (high: 3, low: 4), outageSince: 5))
                #expect(try WriterFile.read(at: path) == writer.status)
            }
        }
    }
}
