// The limits below every engine here: bytes appended durably and nothing else. No rule is checked
// and no balance moved; a record is as long as a bid's entry in Gavel's log.

import Foundation
import LMDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The length of a take-over in Gavel's log.
let recordBytes = 114

/// Appends records to an LMDB table with Gavel's settings, one value each, some a commit.
func measureLMDB(in folder: String, _ load: Load) throws -> Tally {
    let environment = try Environment(at: folder)
    defer { environment.close() }
    let table = try environment.integerTable(named: "records", create: true)
    let record = [UInt8](repeating: 7, count: recordBytes)
    var key: UInt64 = 0
    var tally = Tally()
    let window = Window(seconds: load.seconds)
    while !window.isOver {
        let start = nanoseconds()
        try environment.write { transaction in
            for _ in 0..<load.batch {
                try transaction.append(table, key: key, value: record.span.bytes)
                key += 1
            }
        }
        tally.answer(load.batch, sentAt: start, in: window)
    }
    let stored = try environment.read { try $0.count(of: table) }
    guard stored == Int(tally.accepted) else {
        throw Failure("LMDB holds \(stored) records, not \(tally.accepted)")
    }
    return tally
}

/// Overwrites a file of written zeros, front to back and again, some records a flush.
func measureFile(in folder: String, _ load: Load) throws -> Tally {
    let fileBytes = 64 << 20
    let descriptor = open(folder + "/records", O_RDWR | O_CREAT | O_EXCL, 0o600)
    guard descriptor >= 0 else { throw Failure("cannot create \(folder)/records: errno \(errno)") }
    defer { close(descriptor) }
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    for offset in stride(from: 0, to: fileBytes, by: zeros.count) {
        try write(zeros, to: descriptor, at: offset)
    }
    try flush(descriptor)
    let records = [UInt8](repeating: 7, count: recordBytes * load.batch)
    guard records.count <= fileBytes else { throw Failure("--batch is too large for the file") }
    var offset = 0
    var tally = Tally()
    let window = Window(seconds: load.seconds)
    while !window.isOver {
        let start = nanoseconds()
        if offset + records.count > fileBytes { offset = 0 }
        try write(records, to: descriptor, at: offset)
        try flush(descriptor)
        offset += records.count
        tally.answer(load.batch, sentAt: start, in: window)
    }
    return tally
}

private func write(_ bytes: [UInt8], to descriptor: Int32, at offset: Int) throws {
    let written = bytes.withUnsafeBytes {
        pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset))
    }
    guard written == bytes.count else { throw Failure("a write failed: errno \(errno)") }
}

private func flush(_ descriptor: Int32) throws {
    #if canImport(Darwin)
        let result = fcntl(descriptor, F_FULLFSYNC)
    #else
        let result = fdatasync(descriptor)
    #endif
    guard result == 0 else { throw Failure("a flush failed: errno \(errno)") }
}
