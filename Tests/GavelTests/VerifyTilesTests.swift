// Exported tiles are verified without the ledger: every hash and every byte of an entry counts.

import Platform
import Testing

@testable import Gavel

@Suite("Verifying exported tiles")
struct VerifyTilesTests {
    /// A folder of tiles and entries of a ledger of 602 entries, and the key that signed.
    private func withTiles(
        _ body: (String, VerifierKey) throws -> Void
    ) async throws {
        try await withLedgerPath { path in
            try makeTiledLedger(at: path)
            let key = try LedgerKey.read(path + "/key").verifier
            let reader = try await LedgerReader.open(at: path)
            let export = try reader.tileExport()
            let folder = path + "-tiles"
            func write(_ bytes: [UInt8], _ name: String) throws {
                let file = "\(folder)/\(name)"
                try FileSystem.createDirectory(
                    String(file[..<file.lastIndex(of: "/")!]), mode: 0o700)
                try FileSystem.writeFileAtomically(file, bytes)
            }
            for tile in export.tiles() {
                try write(try export.bytes(of: tile), tile.path)
                if tile.level == 0 {
                    try write(try export.entries(under: tile), tile.entriesPath)
                }
            }
            try write(export.checkpoint.bytes, "checkpoint")
            reader.close()
            try body(folder, key)
        }
    }

    /// Verifies with one byte of a file changed.
    private func report(
        _ folder: String, _ level: VerificationLevel, changing name: String, at offset: Int
    ) throws -> VerificationReport {
        let file = "\(folder)/\(name)"
        let sound = try FileSystem.readFile(file)
        var bytes = sound
        bytes[offset] ^= 0x10
        try FileSystem.writeFileAtomically(file, bytes)
        defer { try? FileSystem.writeFileAtomically(file, sound) }
        return try Verifier.verify(tilesAt: folder, level: level)
    }

    @Test("Sound tiles are clean at their level, and the report says what only the ledger shows")
    func sound() async throws {
        try await withTiles { folder, key in
            for level in [VerificationLevel.heads, .records] {
                let report = try Verifier.verify(tilesAt: folder, level: level, keys: [key])
                #expect(report.isClean && report.entries == 602, "\(report.findings)")
                #expect(report.covered.contains("the signature of the checkpoint"))
                #expect(report.notCovered.contains { $0.contains("only the ledger") })
                #expect(report.notCovered.contains { $0.contains("made up and then decided") })
            }
            let unsigned = try Verifier.verify(tilesAt: folder, level: .heads)
            #expect(unsigned.notCovered.contains { $0.contains("no key was given") })
            let other = try SigningKey.generate(name: key.name).verifier
            let forged = try Verifier.verify(tilesAt: folder, level: .heads, keys: [other])
            #expect(forged.findings.first?.what.contains("not signed") == true)
        }
    }

    @Test("A changed hash is found: at its tile, or where no tile is over it, by the signed root")
    func hashes() async throws {
        try await withTiles { folder, _ in
            for (name, position) in [
                ("tile/0/000", 0), ("tile/0/001", 256), ("tile/0/002.p/90", nil),
            ] as [(String, UInt64?)] {
                for offset in stride(from: 0, to: name.hasSuffix("90") ? 90 * 32 : 8192, by: 97) {
                    let report = try report(folder, .heads, changing: name, at: offset)
                    #expect(!report.isClean && report.firstDivergence == position, "\(name)")
                }
            }
            for offset in 0..<64 {
                let report = try report(folder, .heads, changing: "tile/1/000.p/2", at: offset)
                #expect(report.firstDivergence == UInt64(offset / 32 * 256))
            }
        }
    }

    @Test("A changed byte of an exported entry is found at the entry")
    func entries() async throws {
        try await withTiles { folder, _ in
            for (name, first) in [("000", 0), ("001", 256), ("002.p/90", 512)] as [(String, UInt64)]
            {
                let file = "tile/entries/\(name)"
                let bytes = try FileSystem.readFile("\(folder)/\(file)")
                var (start, position) = (0, first)
                while start < bytes.count {
                    let end = start + 2 + Int(bytes[start]) << 8 + Int(bytes[start + 1])
                    for offset in stride(from: start + Int(position) % 7, to: end, by: 29) {
                        let report = try report(folder, .records, changing: file, at: offset)
                        #expect(report.firstDivergence == position, "\(file) byte \(offset)")
                    }
                    (start, position) = (end, position + 1)
                }
            }
        }
    }

    @Test("Missing and cut files are named; the rest of what is promised is not called clean")
    func missing() async throws {
        try await withTiles { folder, _ in
            for name in ["tile/0/001", "tile/1/000.p/2", "tile/entries/001"] {
                let file = "\(folder)/\(name)"
                let sound = try FileSystem.readFile(file)
                try FileSystem.remove(file)
                let report = try Verifier.verify(tilesAt: folder, level: .records)
                #expect(!report.isComplete)
                #expect(report.findings.first?.what == "there is no file \(name)")
                try FileSystem.writeFileAtomically(file, Array(sound.dropLast()))
                #expect(try !Verifier.verify(tilesAt: folder, level: .records).isClean)
                try FileSystem.writeFileAtomically(file, sound)
            }
            #expect(try Verifier.verify(tilesAt: folder, level: .records).isClean)
            #expect(throws: LedgerError(.notFound, "")) {
                try Verifier.verify(tilesAt: folder + "/tile", level: .heads)
            }
        }
    }
}
