// Which checkpoints are kept, when they were signed, and what survives of them.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// Checkpoints of growing size, signed at given seconds.
private func checkpoints(_ seconds: [UInt64], from size: UInt64 = 1) throws -> [SignedCheckpoint] {
    let key = try Sample.key()
    return try seconds.enumerated().map { index, seconds in
        try Checkpoint(
            origin: key.verifier.name, size: size + UInt64(index), root: LedgerHash(of: [1])
        ).signed(by: key, atSeconds: seconds)
    }
}

/// Lends a store, and the path of its file of kept checkpoints.
private func withHistoryStore(_ body: (FolderStore, String) throws -> Void) throws {
    let folder = try FileSystem.temporaryDirectory("gavel-kept-")
    defer { try? FileSystem.remove(folder) }
    try body(FolderStore(at: folder), folder + "/checkpoints/kept")
}

@Suite("Kept checkpoints")
struct KeptCheckpointTests {
    @Test("Kept are the newest, the last of every hour, and of older hours the last of every day")
    func thinning() throws {
        // Every ten minutes for four days.
        let all = try checkpoints((0..<576).map { 1_800_000_000 / 86_400 * 86_400 + $0 * 600 })
        var limits = CheckpointHistory.Limits()
        (limits.newest, limits.hours, limits.days) = (10, 30, 3)
        let kept = CheckpointHistory.thinned(all, limits)
        let sizes = kept.map(\.checkpoint.size)
        // The last ten; 30 hours, the last of which is among those; and the ends of three days,
        // two of which are among the hours.
        let newest = Array(UInt64(567)...576)
        let hours = (0..<30).map { UInt64(576 - 6 * $0) }
        let days: [UInt64] = [576, 432, 288]
        #expect(sizes == Set(newest + hours + days).sorted())
        // Those that are kept stay, however often it is done.
        #expect(CheckpointHistory.thinned(kept, limits) == kept)
    }

    @Test("The file is added to, thinned when it has grown, and stays bounded")
    func bounded() throws {
        try withHistoryStore { store, path in
            var limits = CheckpointHistory.Limits()
            (limits.newest, limits.hours, limits.days) = (20, 5, 3)
            var most = 0
            var restarted = CheckpointHistory()
            // Three hundred hours, four in each, as many restarts as the file bears.
            for (index, signed) in try checkpoints((0..<1_200).map { $0 * 900 }).enumerated() {
                if index % 100 == 99 { restarted = try CheckpointHistory(in: store) }
                try restarted.add(signed, in: store, limits: limits)
                most = max(most, restarted.checkpoints.count)
            }
            #expect(try CheckpointHistory(in: store).checkpoints == restarted.checkpoints)
            // Twice the newest, the hours and the days; and what a restart counts as thinned.
            #expect(most <= 100 + 2 * 20 + 5 + 3)
            #expect(restarted.checkpoints.last?.checkpoint.size == 1_200)
        }
    }

    @Test("What a crash tore off the end is passed over, wherever it tore, and written over")
    func torn() throws {
        try withHistoryStore { store, path in
            let all = try checkpoints([10, 20, 30])
            var history = CheckpointHistory()
            for signed in all.dropLast() { try history.add(signed, in: store) }
            let whole = try FileSystem.readFile(path)
            let last = [0x0A] + all[2].bytes
            for length in 0..<last.count {
                try FileSystem.writeFileAtomically(path, whole + last.prefix(length))
                var torn = try CheckpointHistory(in: store)
                #expect(!torn.isDamaged, "\(length)")
                let sizes = torn.checkpoints.map(\.checkpoint.size)
                #expect(sizes == [1, 2] || sizes == [1, 2, 3] && length > last.count / 2)
                try torn.add(try checkpoints([40], from: 4)[0], in: store)
                #expect(
                    try CheckpointHistory(in: store).checkpoints.map(\.checkpoint.size)
                        == sizes + [4], "\(length)")
            }
        }
    }

    @Test("What a failed write left at the end is written over by the next checkpoint that is kept")
    func failedWrite() throws {
        try withHistoryStore { store, path in
            let all = try checkpoints([10, 20, 30])
            var history = CheckpointHistory()
            try history.add(all[0], in: store)
            let folder = try #require(FileSystem.parentDirectory(of: path))
            try FileSystem.rename(folder, to: folder + "-away")
            try FileSystem.writeFileAtomically(folder, [])
            #expect(throws: FileError.self) { try history.add(all[1], in: store) }
            try FileSystem.remove(folder)
            try FileSystem.rename(folder + "-away", to: folder)
            // As when the disk was full after half of it.
            try FileSystem.append(path, [0x0A] + all[1].bytes.prefix(30))
            try history.add(all[2], in: store)
            let read = try CheckpointHistory(in: store)
            #expect(!read.isDamaged)
            #expect(read.checkpoints == all)
        }
    }

    @Test("A file that was removed while the ledger runs is made anew, with its first line")
    func removedFile() throws {
        try withHistoryStore { store, path in
            let all = try checkpoints([10, 20, 30])
            var history = CheckpointHistory()
            for signed in all {
                try history.add(signed, in: store)
                if signed == all[1] { try FileSystem.remove(path) }
            }
            let read = try CheckpointHistory(in: store)
            #expect(!read.isDamaged && read.checkpoints == all)
        }
    }

    @Test("Any bytes are read without a trap; what is no checkpoint is noticed and set aside")
    func damaged() throws {
        try withHistoryStore { store, path in
            var history = CheckpointHistory()
            for signed in try checkpoints([10, 20, 30]) { try history.add(signed, in: store) }
            let bytes = try FileSystem.readFile(path)
            var generator = SeededGenerator(seed: 23)
            for _ in 0..<300 {
                var changed = bytes
                changed[generator.below(bytes.count)] = UInt8(generator.below(256))
                let read = CheckpointHistory(parsing: changed)
                let sizes = read.checkpoints.map(\.checkpoint.size)
                #expect(zip(sizes, sizes.dropFirst()).allSatisfy(<))
            }
            try FileSystem.writeFileAtomically(path, Array("hello\n".utf8))
            var other = try CheckpointHistory(in: store)
            #expect(other.isDamaged && other.checkpoints.isEmpty)
            try other.add(try checkpoints([40], from: 4)[0], in: store)
            #expect(try FileSystem.readFile(path + ".damaged-1") == Array("hello\n".utf8))
            #expect(try CheckpointHistory(in: store).checkpoints.count == 1)
            // What is damaged later takes the place of none that was set aside before.
            for number in UInt64(2)...3 {
                let damage = Array("again \(number)\n".utf8)
                try FileSystem.append(path, [0x0A] + damage + [0x0A] + damage + [0x0A])
                let standing = try FileSystem.readFile(path)
                var later = try CheckpointHistory(in: store)
                #expect(later.isDamaged)
                let aside = try later.add(
                    try checkpoints([50 * number], from: 10 * number)[0], in: store)
                #expect(aside == "\(path).damaged-\(number)")
                #expect(try FileSystem.readFile("\(path).damaged-\(number)") == standing)
            }
            #expect(store.recordsSetAside(of: .keptCheckpoints).count == 3)
            #expect(try FileSystem.readFile(path + ".damaged-1") == Array("hello\n".utf8))
        }
    }

    @Test("A ledger keeps what it signs, with its time; deleting that loses nothing else")
    func ledger() async throws {
        try await withLedgerPath { path in
            let clock = ManualClock()
            var configuration = Configuration()
            configuration.clock = clock
            configuration.checkpointIntervalMilliseconds = 3_600_000
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            let key = ledger.verifierKey
            for number in 0..<5 {
                clock.advance(seconds: 100)
                _ = try await ledger.submit(
                    .registerUser(UserID(unchecked: "user-\(number)")),
                    id: .generate(at: clock.now()))
                _ = try ledger.signCheckpoint()
            }
            let kept = try ledger.checkpoints()
            #expect(kept.map(\.checkpoint.size) == [2, 3, 4, 5, 6, 7])
            let verified = try kept.map { try $0.verified(by: key) }
            let seconds = verified.compactMap(\.seconds)
            #expect(zip(seconds, seconds.dropFirst()).allSatisfy { $1 == $0 + 100 })
            #expect(seconds.last == UInt64(clock.now().nanoseconds / 1_000_000_000))
            // The key of the log is no witness of itself.
            #expect(
                try kept[0].verified(by: [key], witnesses: [key.forCosignatures]).cosignatures
                    == [])
            await ledger.close()
            let reader = try await LedgerReader.open(at: path)
            #expect(try reader.checkpoints() == kept)
            for signed in kept { try reader.check(signed, keys: [key]) }
            reader.close()
            #expect(
                try Verifier.verify(at: path).covered.contains(
                    "the signatures of kept checkpoints: 5"))
            try FileSystem.remove(path + "/checkpoints")
            #expect(try Verifier.verify(at: path).isClean)
            let again = try await Ledger.open(at: path, configuration: configuration)
            #expect(try again.checkpoints().map(\.checkpoint.size) == [8])
            await again.close()
        }
    }

    @Test("A kept checkpoint of other entries is a finding, and a newer one than the log too")
    func contradicted() async throws {
        try await withLedgerPath { path in
            try await Ledger.open(at: path).close()
            let again = try await Ledger.open(at: path)
            await again.close()
            let store = FolderStore(at: path)
            let key = try LedgerKey.read(.key, in: store)
            func keep(_ size: UInt64) throws {
                var history = CheckpointHistory()
                try history.add(
                    Checkpoint(origin: key.verifier.name, size: size, root: .empty)
                        .signed(by: key, atSeconds: 1), in: store)
            }
            /// The two parts of a checkpoint over all entries: what is signed, and by whom.
            func text(_ root: LedgerHash) throws -> [String] {
                let signed = try Checkpoint(origin: key.verifier.name, size: 3, root: root)
                    .signed(by: key, atSeconds: 1)
                return String(decoding: signed.bytes, as: UTF8.self)
                    .components(separatedBy: "\n\n")
            }
            #expect(try Verifier.verify(at: path).isClean)
            try keep(2)
            let other = try Verifier.verify(at: path).findings
            #expect(other.first?.what.contains("kept checkpoint over 2 entries") == true)
            // A wrong signature of the ledger's key is a finding, and not by an unknown key.
            let root = try Verifier.verify(at: path).root
            let (right, forged) = try (text(root), text(.empty))
            var history = CheckpointHistory()
            try history.add(
                SignedCheckpoint(parsing: Array("\(right[0])\n\n\(forged[1])".utf8)),
                in: store)
            let unsigned = try Verifier.verify(at: path)
            #expect(unsigned.findings.count == 1)
            #expect(unsigned.findings.first?.what.contains("is not signed by this ledger") == true)
            #expect(!unsigned.notCovered.contains { $0.contains("unknown keys") })
            try keep(9)
            let newer = try Verifier.verify(at: path).findings
            #expect(newer.first?.what.contains("signed for 9 entries, but the log has 3") == true)
            #expect(
                try Verifier.verify(at: path, level: .heads).notCovered.contains {
                    $0.contains("kept checkpoints")
                })
        }
    }

    @Test("An import reads no clock: its checkpoint has no time, and the first opening gives one")
    func imported() async throws {
        try await withLedgerPath { path in
            let history = try LedgerImport(to: path, fingerprint: LedgerHash(of: [1, 2]))
            let time = Timestamp(seconds: 1_000)
            try history.add(
                Submission(
                    id: .derived(at: time, file: 0, line: 0, content: []),
                    command: .registerUser("alice")), at: time)
            try history.finish()
            let reader = try await LedgerReader.open(at: path)
            let signed = try #require(try reader.checkpoint())
            #expect(signed.claimedSeconds == nil && signed.note.signatures.count == 1)
            #expect(try reader.checkpoints() == [signed])
            reader.close()
            #expect(!FileSystem.exists(path + "/checkpoints"))
            let ledger = try await Ledger.open(at: path)
            #expect(ledger.checkpoint?.claimedSeconds != nil)
            await ledger.close()
        }
    }
}
