// What a restore believes: a checkpoint signed by the ledger's key, and nothing less.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// A ledger with some users, a backup and an archive of it, and a stranger's ledger.
private struct House {
    let path: String
    var backup: String { path + "-backup" }
    var key: SigningKey { get throws { try LedgerKey.read(path + "/key") } }

    init(_ path: String) throws {
        self.path = path
        let ledger = try Ledger.openAndWait(at: path)
        try register(5, "user", in: ledger)
        ledger.closeAndWait()
        let reader = try LedgerReader.openAndWait(at: path)
        try reader.backup(to: path + "-backup")
        reader.close()
    }

    var archive: [UInt8] {
        get throws {
            let reader = try LedgerReader.openAndWait(at: path)
            defer { reader.close() }
            var bytes: [UInt8] = []
            try reader.archive { bytes += $0 }
            return bytes
        }
    }

    /// Restores the backup, and takes away what was made.
    func restore(
        _ change: (inout Ledger.RestoreOptions) throws -> Void = { _ in }
    ) throws -> Ledger.RestoredLoss? {
        var options = Ledger.RestoreOptions()
        try change(&options)
        defer { try? FileSystem.remove(path + "-new") }
        return try Ledger.restore(from: backup, to: path + "-new", options: options)
    }

    func restore(_ archive: [UInt8]) throws -> Ledger.RestoredLoss? {
        var options = Ledger.RestoreOptions()
        options.keys = [try key.verifier]
        var rest = archive[...]
        defer { try? FileSystem.remove(path + "-new") }
        return try Ledger.restore(
            fromArchive: { count in
                defer { rest = rest.dropFirst(count) }
                return Array(rest.prefix(count))
            }, to: path + "-new", options: options)
    }
}

/// What a restore is refused with.
private func reason(_ body: () throws -> Ledger.RestoredLoss?) -> String? {
    do {
        _ = try body()
        return nil
    } catch { return (error as? LedgerError)?.reason }
}

@Suite("Building beside another")
struct BuildingTests {
    @Test("While a ledger is built in a place nobody else builds there, and it stands in the end")
    func two() async throws {
        try await withLedgerPath { path in
            try await Ledger.open(at: path).close()
            let (source, target) = (FolderStore(at: path), FolderStore(at: path + "-copy"))
            let log = try source.openForReading()
            let logger = Configuration().logger
            try target.build(logger) { building in
                try log.copy(to: building)
                #expect(throws: LedgerError(.heldByWriter, "")) {
                    try target.build(logger) { _ in Issue.record("a second one builds there too") }
                }
            }
            log.close()
            #expect(!FileSystem.exists(path + "-copy.copying"))
            let copy = try await LedgerReader.open(at: path + "-copy")
            #expect(copy.reflects == 2)
            copy.close()
        }
    }
}

@Suite("Restoring")
struct RestoreTests {
    @Test("A backup has a checkpoint over all its entries, also one made beside the writer")
    func covering() async throws {
        try await withLedgerPath { path in
            var configuration = Configuration()
            configuration.checkpointIntervalMilliseconds = 3_600_000
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            try register(5, "user", in: ledger)
            #expect(ledger.checkpoint?.checkpoint.size == 2)
            try ledger.backup(to: path + "-1")
            // As a kill would leave it: a process has a folder open only once.
            try FileManager.default.copyItem(atPath: path, toPath: path + "-killed")
            let reader = try await LedgerReader.open(at: path + "-killed")
            try reader.backup(to: path + "-2")
            var archive: [UInt8] = []
            try reader.archive { archive += $0 }
            reader.close()
            for copy in ["-1", "-2"] {
                let reader = try await LedgerReader.open(at: path + copy)
                defer { reader.close() }
                let signed = try #require(try reader.checkpoint())
                #expect(signed.checkpoint.size == 7)
                try reader.check(signed, keys: [ledger.verifierKey])
                #expect(!FileSystem.exists(path + copy + "/key"))
                #expect(try reader.checkpoints().map(\.checkpoint.size) == [2, 7])
            }
            #expect(String(decoding: archive.suffix(400), as: UTF8.self).contains("\n7\n"))
            // The ledger itself signed nothing for it.
            #expect(ledger.checkpoint?.checkpoint.size == 2)
            await ledger.close()
        }
    }

    @Test("With its key or its verifier key a backup is restored, with all its checkpoints")
    func restored() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            #expect(try house.restore { $0.keyPath = path + "/key" } == nil)
            #expect(try house.restore { $0.keys = [try house.key.verifier] } == nil)
            #expect(try house.restore(house.archive) == nil)
            var options = Ledger.RestoreOptions()
            options.keyPath = path + "/key"
            _ = try Ledger.restore(from: house.backup, to: path + "-new", options: options)
            #expect(try Verifier.verify(at: path + "-new").isClean)
            let reader = try await LedgerReader.open(at: path + "-new")
            #expect(try reader.checkpoints().map(\.checkpoint.size) == [2, 7])
            reader.close()
            let ledger = try await Ledger.open(at: path + "-new")
            #expect(ledger.verifierKey == (try house.key.verifier))
            await ledger.close()
        }
    }

    @Test("A checkpoint that is missing, cut, wrongly signed or a stranger's is refused by name")
    func refused() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            let file = house.backup + "/checkpoint"
            let sound = try FileSystem.readFile(file)
            let signed = try SignedCheckpoint(parsing: sound)
            let stranger = try SigningKey.generate(name: signed.checkpoint.origin)
            let other = try SigningKey.generate(name: "other.example")
            var wrong = sound
            let place = try #require(String(decoding: sound, as: UTF8.self).utf8Index(after: "— "))
            wrong[place + 60] = wrong[place + 60] == 0x41 ? 0x42 : 0x41
            let strangers = try signed.checkpoint.signed(by: stranger)
            let others = try Checkpoint(
                origin: "other.example", size: 7, root: signed.checkpoint.root
            ).signed(by: other)
            let cases: [(String, [UInt8]?, String)] = [
                ("missing", nil, "has no checkpoint"),
                ("cut", Array(sound.dropLast(20)), "is no checkpoint"),
                ("wrongly signed", wrong, "not signed by the ledger"),
                ("a stranger's", strangers.bytes, "not signed by the ledger"),
                ("another ledger's", others.bytes, "not signed by the ledger"),
            ]
            for (what, bytes, words) in cases {
                if FileSystem.exists(file) { try FileSystem.remove(file) }
                if let bytes { try FileSystem.writeFileAtomically(file, bytes) }
                for accepts in [false, true] {
                    let refused = reason {
                        try house.restore {
                            $0.keyPath = path + "/key"
                            $0.acceptsLoss = accepts
                            $0.acceptsUnsignedEntries = accepts
                        }
                    }
                    #expect(refused?.contains(words) == true, "\(what): \(refused ?? "restored")")
                }
                // Only by giving up its name.
                let loss = try house.restore { $0.acceptsMissingCheckpoint = true }
                #expect(loss?.checkpointSize == 0)
                #expect(loss?.origin != signed.checkpoint.origin)
            }
        }
    }

    @Test("Without any key to check with nothing is believed")
    func noKey() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            #expect(reason { try house.restore() }?.contains("no key is known") == true)
            // Where the log names the key, that one counts, and no other is taken for it.
            let ledger = try await Ledger.open(at: path)
            let first = ledger.verifierKey
            _ = try await ledger.rotateKey()
            try ledger.backup(to: path + "-rotated")
            await ledger.close()
            #expect(try Ledger.restore(from: path + "-rotated", to: path + "-new") == nil)
            try FileSystem.remove(path + "-new")
            // Whoever has the former verifier key is led on by the log.
            var options = Ledger.RestoreOptions()
            options.keys = [first]
            #expect(
                try Ledger.restore(from: path + "-rotated", to: path + "-new", options: options)
                    == nil)
            try FileSystem.remove(path + "-new")
            options = Ledger.RestoreOptions()
            let former = try SigningKey.generate(name: try house.key.verifier.name)
            try writeKey(former, to: path + ".key")
            options.keyPath = path + ".key"
            #expect(throws: LedgerError(.keyMismatch, "")) {
                try Ledger.restore(from: path + "-rotated", to: path + "-new", options: options)
            }
            // A log that names a key goes on under another name too.
            options = Ledger.RestoreOptions()
            options.acceptsMissingCheckpoint = true
            let loss = try Ledger.restore(
                from: path + "-rotated", to: path + "-new", options: options)
            #expect(loss != nil)
            #expect(try Verifier.verify(at: path + "-new").isClean)
        }
    }

    @Test("A forged backup is not signed under the ledger's name, with the real key at hand")
    func forged() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            // The forger has no key: another history, with the checkpoint taken away or left.
            try FileManager.default.copyItem(atPath: house.backup, toPath: path + "-forged")
            try FileSystem.remove(path + "-forged/log")
            let other = try await Ledger.open(at: path + "-shill")
            try register(5, "shill", in: other)
            await other.close()
            try FileManager.default.copyItem(
                atPath: path + "-shill/log", toPath: path + "-forged/log")
            var options = Ledger.RestoreOptions()
            options.keyPath = path + "/key"
            for name in ["", "/checkpoint"] {
                if !name.isEmpty { try FileSystem.remove(path + "-forged" + name) }
                #expect(throws: LedgerError(.checkpointMismatch, "")) {
                    try Ledger.restore(from: path + "-forged", to: path + "-new", options: options)
                }
                #expect(!FileSystem.exists(path + "-new"))
            }
            options.acceptsMissingCheckpoint = true
            options.keyPath = nil
            let loss = try #require(
                try Ledger.restore(from: path + "-forged", to: path + "-new", options: options))
            let reader = try await LedgerReader.open(at: path + "-new")
            defer { reader.close() }
            #expect(try reader.checkpoint()?.checkpoint.origin == loss.origin)
            #expect(try LedgerKey.read(path + "-new/key").verifier.name == loss.origin)
            guard case .restoreLedger(let entry) = try reader.entry(at: loss.entries)?.command
            else {
                Issue.record("the log does not say what was given up")
                return
            }
            #expect(entry.checkpointSize == 0)
        }
    }

    @Test("Entries behind the checkpoint are taken over only where that is asked for")
    func unsigned() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            // An old checkpoint of the ledger's own, and entries that anybody may have added.
            let kept = try CheckpointHistory(in: FolderStore(at: path)).checkpoints
            try FileSystem.writeFileAtomically(house.backup + "/checkpoint", kept[0].bytes)
            // The largest of those that are kept counts too, where the key signed it.
            #expect(try house.restore { $0.keyPath = path + "/key" } == nil)
            let stranger = try SigningKey.generate(name: kept[0].checkpoint.origin)
            try keep([kept[0], kept[1].checkpoint.signed(by: stranger)], in: house.backup)
            let refused = reason { try house.restore { $0.keyPath = path + "/key" } }
            #expect(refused?.contains("covers 2 entries") == true)
            #expect(refused?.contains("has 7") == true)
            #expect(refused?.contains("--accept-unsigned") == true)
            #expect(
                try house.restore {
                    $0.keyPath = path + "/key"
                    $0.acceptsUnsignedEntries = true
                } == nil)
            #expect(
                try house.restore {
                    $0.keyPath = path + "/key"
                    $0.checkpointPath = path + "/checkpoint"
                } == nil)
            // One of more entries than there are says that some are missing.
            let ahead = try Checkpoint(
                origin: kept[0].checkpoint.origin, size: 9, root: .empty
            ).signed(by: house.key)
            try keep([kept[0], ahead], in: house.backup)
            for accepts in [false, true] {
                let missing = reason {
                    try house.restore {
                        $0.keyPath = path + "/key"
                        $0.acceptsUnsignedEntries = accepts
                    }
                }
                #expect(missing?.contains("signed for 9 entries, but the log has 7") == true)
            }
        }
    }

    @Test("A backup that lacks entries that witnesses have seen signed is refused")
    func witnessed() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            let ledger = try await Ledger.open(at: path)
            try register(3, "later", in: ledger)
            await ledger.close()
            let reader = try await LedgerReader.open(at: path)
            let signed = try #require(try reader.checkpoint())
            reader.close()
            let cosigned = try signed.cosigned(
                by: .generate(name: "witness.example"), atSeconds: 1)
            try FileSystem.writeFileAtomically(
                house.backup + "/checkpoint.witnessed", cosigned.bytes)
            // The backup's own checkpoint covers all that is there.
            let refused = reason { try house.restore { $0.keyPath = path + "/key" } }
            #expect(refused?.hasPrefix("the witnessed checkpoint in") == true, "\(refused ?? "")")
            #expect(refused?.contains("for 11 entries, but the log has 7") == true)
            let loss = try house.restore {
                $0.keyPath = path + "/key"
                $0.acceptsLoss = true
            }
            #expect(loss?.entries == 7)
        }
    }

    /// Makes these the checkpoints that are kept.
    private func keep(_ checkpoints: [SignedCheckpoint], in folder: String) throws {
        let store = FolderStore(at: folder)
        try store.remove(.keptCheckpoints)
        var history = CheckpointHistory()
        for checkpoint in checkpoints { try history.add(checkpoint, in: store) }
    }

    @Test("An archive that was cut anywhere in its checkpoint, or before it, is refused")
    func cutArchives() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            let archive = try house.archive
            let note = try SignedCheckpoint(parsing: FileSystem.readFile(path + "/checkpoint"))
            let start = archive.count - note.bytes.count
            let lastLine = archive.count - (note.note.signatures.last?.line.utf8.count ?? 0)
            for end in start..<archive.count where end != lastLine {
                #expect(throws: LedgerError(.checkpointMismatch, ""), "cut at \(end)") {
                    try house.restore(Array(archive[..<end]))
                }
            }
            // Without the line that says when it was signed it is a checkpoint all the same.
            #expect(try house.restore(Array(archive[..<lastLine])) == nil)
            #expect(throws: LedgerError(.checkpointMismatch, "")) {
                try house.restore(archive + Array("more\n".utf8))
            }
            #expect(!FileSystem.exists(path + "-new.unpacking"))
        }
    }

    @Test("A copy that fails leaves nothing behind, and no secret in it")
    func failedCopy() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            try FileSystem.writeFileAtomically(path + "/secret", [1, 2, 3])
            let reader = try await LedgerReader.open(at: path)
            #expect(throws: LedgerError(.damaged, "")) { try reader.backup(to: path + "-second") }
            reader.close()
            #expect(!FileSystem.exists(path + "-second"))
            #expect(!FileSystem.exists(path + "-second.copying"))
            #expect(FileSystem.exists(house.backup))
        }
    }

    @Test("What stands in the way of a copy is removed only where a copy left it")
    func leftovers() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            for suffix in [".copying", ".unpacking"] {
                let way = path + "-new" + suffix
                try FileSystem.createDirectory(way)
                try FileSystem.writeFileAtomically(way + "/thesis", [1, 2, 3])
                let refused = reason {
                    if suffix == ".unpacking" { return try house.restore(house.archive) }
                    return try house.restore { $0.keyPath = path + "/key" }
                }
                #expect(refused?.contains("is in the way") == true)
                #expect(try FileSystem.readFile(way + "/thesis") == [1, 2, 3])
                try FileSystem.remove(way)
                // What a copy left has its mark, whatever else came to be in it.
                try FileSystem.createDirectory(way + "/log")
                try FileSystem.writeFileAtomically(way + "/key", [1, 2, 3])
                try FileSystem.writeFileAtomically(way + "/unfinished", [])
                #expect(try house.restore(house.archive) == nil)
                #expect(!FileSystem.exists(way))
            }
        }
    }

    @Test("A ledger that stands where a copy is built is somebody's, whatever it is called")
    func ledgerInTheWay() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            for suffix in [".copying", ".unpacking", ".importing"] {
                let way = path + "-new" + suffix
                try await Ledger.open(at: way).close()
                let before = try FileSystem.readFile(way + "/key")
                let refused = reason {
                    switch suffix {
                    case ".copying": return try house.restore { $0.keyPath = path + "/key" }
                    case ".unpacking": return try house.restore(house.archive)
                    default:
                        _ = try LedgerImport(to: path + "-new", fingerprint: LedgerHash(of: [1]))
                        return nil
                    }
                }
                #expect(refused?.contains("\(way) is in the way") == true, "\(suffix)")
                #expect(try FileSystem.readFile(way + "/key") == before)
                // Also one that a copy began, once somebody has written to it.
                try FileSystem.writeFileAtomically(way + "/unfinished", [])
                try await Ledger.open(at: way).close()
                #expect(!FileSystem.exists(way + "/unfinished"))
                try FileSystem.remove(way)
            }
            // What is finished has no mark.
            #expect(!FileSystem.exists(house.backup + "/unfinished"))
        }
    }

    @Test("A restore under another name that fails leaves no ledger under the old one")
    func failedRenaming() async throws {
        try await withLedgerPath { path in
            let house = try House(path)
            try FileSystem.createDirectory(house.backup + "/secret.d")
            var options = Ledger.RestoreOptions()
            options.acceptsMissingCheckpoint = true
            let new = path + "-new"
            _ = try Ledger.restore(from: house.backup, to: new, options: options)
            let key = try LedgerKey.read(new + "/key").verifier
            let reader = try await LedgerReader.open(at: new)
            #expect(try reader.checkpoint()?.verified(by: key) != nil)
            reader.close()
            #expect(!FileSystem.exists(new + ".copying") && !FileSystem.exists(new + "/unfinished"))
        }
    }
}

extension String {
    /// The place behind the first of some words, in bytes.
    fileprivate func utf8Index(after words: String) -> Int? {
        let (bytes, words) = (Array(utf8), Array(words.utf8))
        return bytes.indices.first { bytes[$0...].starts(with: words) }.map { $0 + words.count }
    }
}
