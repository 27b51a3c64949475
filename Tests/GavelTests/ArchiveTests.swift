// A log as one file: what comes out of it is the same log, or an error.

import AuctionDomain
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// A file in memory that is read piece by piece.
private struct Pieces {
    var bytes: [UInt8]
    var offset = 0

    mutating func next(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, offset + count)
        defer { offset = end }
        return Array(bytes[offset..<end])
    }
}

private func restore(
    _ archive: [UInt8], to path: String, keyOf ledger: String
) throws -> Ledger.RestoredLoss? {
    var pieces = Pieces(bytes: archive)
    var options = Ledger.RestoreOptions()
    options.keys = [try LedgerKey.read(ledger + "/key").verifier]
    return try Ledger.restore(fromArchive: { pieces.next($0) }, to: path, options: options)
}

@Suite("Archives")
struct ArchiveTests {
    /// An archive of some hundred entries in several frames, so that a tile is full.
    private func archive(_ path: String) throws -> [UInt8] {
        let ledger = try Ledger.openAndWait(at: path)
        for batch in 0..<6 {
            let commands = (0..<60).map { number in
                Submission(
                    id: .generate(),
                    command: .registerUser(UserID(unchecked: "user-\(batch)-\(number)")))
            }
            _ = try ledger.enqueue(commands).wait()
        }
        ledger.closeAndWait()
        let reader = try LedgerReader.openAndWait(at: path)
        defer { reader.close() }
        var bytes: [UInt8] = []
        try reader.archive { bytes += $0 }
        return bytes
    }

    @Test("A ledger restored from an archive has the same bytes, root and checkpoint")
    func roundTrip() async throws {
        try await withLedgerPath { path in
            let archive = try archive(path)
            #expect(try restore(archive, to: path + "-again", keyOf: path) == nil)
            #expect(!FileSystem.exists(path + "-again.unpacking"))
            #expect(try readFrames(at: path + "-again").map(\.1) == readFrames(at: path).map(\.1))
            let (first, second) = (
                try Verifier.verify(at: path), try Verifier.verify(at: path + "-again")
            )
            #expect(second.isClean && second.root == first.root && second.digest == first.digest)
            #expect(
                try FileSystem.readFile(path + "-again/checkpoint")
                    == FileSystem.readFile(path + "/checkpoint"))
            try writeKey(
                try LedgerKey.read(path + "/key"), to: path + "-again/key")
            try await Ledger.open(at: path + "-again").close()
            // The other way round nothing is lost either.
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            var again: [UInt8] = []
            try reader.archive { again += $0 }
            #expect(again == archive)
        }
    }

    @Test("An archive that was cut anywhere, or in which a byte was changed, makes no ledger")
    func damaged() async throws {
        try await withLedgerPath { path in
            let archive = try archive(path)
            let reader = try await LedgerReader.open(at: path)
            let checkpointBytes = try reader.checkpoint()!.bytes.count
            reader.close()
            // Up to the checkpoint every byte counts; some hundred places are enough here.
            let end = archive.count - checkpointBytes
            for cut in stride(from: 0, to: end, by: 1 + end / 120) {
                #expect(throws: LedgerError.self, "cut at \(cut)") {
                    try restore(Array(archive[..<cut]), to: path + "-cut", keyOf: path)
                }
            }
            for byte in stride(from: 3, to: end, by: 1 + end / 120) {
                var changed = archive
                changed[byte] ^= 1
                #expect(throws: LedgerError.self, "byte \(byte)") {
                    try restore(changed, to: path + "-changed", keyOf: path)
                }
            }
            #expect(!FileSystem.exists(path + "-cut") && !FileSystem.exists(path + "-changed"))
            #expect(throws: LedgerError(.foreign, "")) {
                try restore([1, 2, 3], to: path + "-x", keyOf: path)
            }
            #expect(throws: LedgerError(.alreadyExists, "")) {
                try restore(archive, to: path, keyOf: path)
            }
        }
    }
}
