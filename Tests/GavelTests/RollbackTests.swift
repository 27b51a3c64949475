// A history that contradicts what its key has signed is not gone on with, whoever put it there.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// Opens a ledger, registers users, and closes it.
private func grow(
    _ path: String, _ prefix: String = "user", users: Int = 3, copy: String? = nil
) throws {
    var configuration = Configuration()
    configuration.checkpointCopyPath = copy
    let ledger = try Ledger.openAndWait(at: path, configuration: configuration)
    try register(users, prefix, in: ledger)
    ledger.closeAndWait()
}

private func duplicate(_ path: String, _ other: String) throws {
    try FileManager.default.copyItem(atPath: path, toPath: other)
}

/// What opening a ledger is refused with.
private func refusal(_ path: String, copy: String? = nil) -> LedgerError? {
    do {
        try grow(path, copy: copy)
        return nil
    } catch { return error as? LedgerError }
}

@Suite("Rollbacks")
struct RollbackTests {
    @Test("A ledger with a key and no checkpoint is a finding at every level, and not written to")
    func removed() async throws {
        try await withLedgerPath { path in
            try grow(path)
            try FileSystem.remove(path + "/checkpoint")
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                #expect(!report.isClean, "\(level)")
                #expect(
                    report.findings.contains { $0.what.contains("no checkpoint stands beside") })
            }
            // None of those that are kept takes its place by itself; somebody may put it there.
            let before = try FileSystem.readFile(path + "/log/data.mdb")
            let refused = try #require(refusal(path))
            #expect(refused.code == .checkpointMismatch)
            #expect(refused.reason.contains("gavel audit checkpoints --newest"))
            #expect(try FileSystem.readFile(path + "/log/data.mdb") == before)
            #expect(!FileSystem.exists(path + "/checkpoint"))
            let kept = try CheckpointHistory(in: FolderStore(at: path)).checkpoints
            try FileSystem.writeFileAtomically(
                path + "/checkpoint", try #require(kept.last).bytes)
            try grow(path, "back")
            #expect(try Verifier.verify(at: path).isClean)
            try oneFromElsewhereDoesNotStandIn(path)
        }
    }

    @Test("Without its checkpoint, and none kept, the way on is another name")
    func allRemoved() async throws {
        try await withLedgerPath { path in
            try grow(path)
            try FileSystem.remove(path + "/checkpoint")
            try FileSystem.remove(path + "/checkpoints")
            let before = try FileSystem.readFile(path + "/log/data.mdb")
            let error = try #require(refusal(path))
            #expect(error.code == .checkpointMismatch)
            #expect(error.reason.contains("has entries and no checkpoint"))
            #expect(error.reason.contains("--without-checkpoint"))
            #expect(try FileSystem.readFile(path + "/log/data.mdb") == before)
            #expect(!FileSystem.exists(path + "/checkpoint"))
        }
    }

    /// A checkpoint that witnesses cosigned, or that somebody kept, covers a beginning: whoever
    /// rewrote the rest would take the ledger's own away.
    private func oneFromElsewhereDoesNotStandIn(_ path: String) throws {
        let own = try SignedCheckpoint(parsing: FileSystem.readFile(path + "/checkpoint"))
        let early = try #require(
            try CheckpointHistory(in: FolderStore(at: path)).checkpoints.first)
        let witnessed = path + "/checkpoint.witnessed"
        let kept = Verifier.KeptCheckpoint(name: "kept", early)
        try FileSystem.writeFileAtomically(witnessed, early.bytes)
        try FileSystem.remove(path + "/checkpoint")
        for level in VerificationLevel.allCases {
            let report = try Verifier.verify(at: path, level: level, kept: [kept])
            #expect(report.isComplete && report.findings.count == 1, "\(level)")
            #expect(report.findings.first?.what.contains("it was removed") == true, "\(level)")
            #expect(
                report.notCovered.contains {
                    $0.contains("from position \(early.checkpoint.size) on: no checkpoint covers")
                })
        }
        try FileSystem.remove(witnessed)
        try FileSystem.writeFileAtomically(path + "/checkpoint", own.bytes)
        #expect(try Verifier.verify(at: path, kept: [kept]).isClean)
    }

    @Test("A ledger is never without a checkpoint while it has a key, from its creation on")
    func creation() async throws {
        try await withLedgerPath { path in
            var configuration = Configuration()
            configuration.checkpointIntervalMilliseconds = 3_600_000
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            #expect(ledger.verify().isClean)
            #expect(ledger.checkpoint?.checkpoint.size == 2)
            // As a kill would leave it: the log grows, the checkpoint stays.
            try register(2, "user", in: ledger)
            try duplicate(path, path + "-killed")
            await ledger.close()
            #expect(try Verifier.verify(at: path + "-killed").isClean)
            try grow(path + "-killed")
        }
    }

    @Test("An older copy of the whole folder does not replace the checkpoint's copy elsewhere")
    func snapshotPutBack() async throws {
        try await withLedgerPath { path in
            let copy = path + ".copy"
            try grow(path, copy: copy)
            try duplicate(path, path + "-old")
            try grow(path, "later", copy: copy)
            let signed = try FileSystem.readFile(copy)
            // The machine is put back to where it was.
            try FileSystem.remove(path)
            try duplicate(path + "-old", path)
            let before = try FileSystem.readFile(path + "/log/data.mdb")
            let error = try #require(refusal(path, copy: copy))
            #expect(error.code == .checkpointMismatch)
            #expect(error.reason.contains("\(copy) was signed for 9 entries, but the log has 5"))
            #expect(error.reason.contains("--checkpoint \(copy) --key \(path)/key --accept-loss"))
            #expect(try FileSystem.readFile(copy) == signed)
            #expect(try FileSystem.readFile(path + "/log/data.mdb") == before)
            // Also where the other history has grown longer than what was signed.
            try grow(path, "other", users: 9)
            let longer = try #require(refusal(path, copy: copy))
            #expect(longer.reason.contains("was signed for other entries than the first 9"))
            #expect(try FileSystem.readFile(copy) == signed)
            // The remedy that the message names.
            var options = Ledger.RestoreOptions()
            options.checkpointPath = copy
            options.keyPath = path + "/key"
            options.acceptsLoss = true
            let loss = try Ledger.restore(from: path, to: path + "-new", options: options)
            #expect(loss?.checkpointSize == 9)
            try grow(path + "-new")
            // Its own name, and so a copy of its own.
            #expect(refusal(path + "-new", copy: copy)?.reason.contains("another ledger's") == true)
            #expect(try FileSystem.readFile(copy) == signed)
        }
    }

    @Test("What is no checkpoint of this ledger is not replaced by the copy, whatever it is")
    func foreignCopies() async throws {
        try await withLedgerPath { path in
            try grow(path)
            try grow(path + "-other")
            let key = try LedgerKey.read(path + "/key")
            let stranger = try SigningKey.generate(name: key.verifier.name)
            let forged = try Checkpoint(origin: key.verifier.name, size: 2, root: .empty)
            let others = try FileSystem.readFile(path + "-other/checkpoint")
            let cut = Array(try FileSystem.readFile(path + "/checkpoint").dropLast(9))
            let copies: [(String, [UInt8], String)] = [
                ("another ledger's", others, "another"),
                ("a key", Array(key.fileText.utf8), "no checkpoint"),
                ("a text", Array("hello\n".utf8), "no checkpoint"),
                ("a cut checkpoint", cut, "no checkpoint"),
                ("a stranger's", try forged.signed(by: stranger).bytes, "other entries"),
                ("its own fork", try forged.signed(by: key).bytes, "other entries"),
            ]
            let copy = path + ".copy"
            for (what, bytes, words) in copies {
                try FileSystem.writeFileAtomically(copy, Array(bytes))
                let error = refusal(path, copy: copy)
                #expect(error?.code == .checkpointMismatch, "\(what)")
                #expect(error?.reason.contains(words) == true, "\(what): \(error?.reason ?? "")")
                #expect(try FileSystem.readFile(copy) == Array(bytes), "\(what)")
            }
            #expect(refusal(path, copy: path)?.code == .checkpointMismatch)
            #expect(refusal(path, copy: path + "-none/copy")?.code == .storage)
            // A device keeps nothing that could be compared, and stays a device.
            try grow(path, copy: "/dev/null")
            #expect(try FileSystem.kind(of: "/dev/null") == .characterDevice)
            // An older one of its own is replaced, an empty file filled.
            for bytes in [try FileSystem.readFile(path + "/checkpoint"), []] {
                try FileSystem.writeFileAtomically(copy, bytes)
                try grow(path, copy: copy)
                #expect(
                    try FileSystem.readFile(copy) == FileSystem.readFile(path + "/checkpoint"))
            }
        }
    }

    @Test("Two ledgers with one key and one copy: the second to sign stops and says why")
    func twins() async throws {
        try await withLedgerPath { path in
            let copy = path + ".copy"
            try grow(path, copy: copy)
            try duplicate(path, path + "-twin")
            var configuration = Configuration()
            configuration.checkpointCopyPath = copy
            configuration.checkpointIntervalMilliseconds = 3_600_000
            let first = try await Ledger.open(at: path, configuration: configuration)
            // The twin was started from the same state, on another machine, a moment before.
            let signed = try FileSystem.readFile(copy)
            try FileSystem.remove(copy)
            let twin = try await Ledger.open(at: path + "-twin", configuration: configuration)
            try register(4, "twin", in: twin)
            let twins = try twin.signCheckpoint()
            try register(2, "user", in: first)
            #expect(signed != twins.bytes)
            #expect(throws: LedgerError(.checkpointMismatch, "")) { try first.signCheckpoint() }
            #expect(try FileSystem.readFile(copy) == twins.bytes)
            #expect(first.failure?.code == .checkpointMismatch)
            await #expect(throws: LedgerError(.checkpointMismatch, "")) {
                _ = try await first.submit(.registerUser("late"), id: .generate())
            }
            await first.close()
            await twin.close()
        }
    }

    @Test("Rubbish in the copy's place is left alone while the ledger runs, and does not stop it")
    func rubbish() async throws {
        try await withLedgerPath { path in
            let copy = path + ".copy"
            var configuration = Configuration()
            configuration.checkpointCopyPath = copy
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            try FileSystem.writeFileAtomically(copy, Array("hello\n".utf8))
            try register(2, "user", in: ledger)
            #expect(try ledger.signCheckpoint().checkpoint.size == 4)
            #expect(try FileSystem.readFile(copy) == Array("hello\n".utf8))
            #expect(ledger.failure == nil)
            // A checkpoint that another replaced beside the log is read before it is replaced too.
            try FileSystem.writeFileAtomically(path + "/checkpoint", Array("hello\n".utf8))
            try register(2, "more", in: ledger)
            #expect(throws: LedgerError.self) { try ledger.signCheckpoint() }
            #expect(try FileSystem.readFile(path + "/checkpoint") == Array("hello\n".utf8))
            await ledger.close()
        }
    }

    @Test("What could not be signed or copied is tried again, though no more entries come")
    func triedAgain() async throws {
        try await withLedgerPath { path in
            let copy = path + ".copy"
            var configuration = Configuration()
            configuration.checkpointCopyPath = copy
            configuration.checkpointIntervalMilliseconds = 20
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            defer { ledger.closeNow() }
            let first = try FileSystem.readFile(path + "/checkpoint")
            try FileSystem.writeFileAtomically(path + "/checkpoint", Array("hello\n".utf8))
            try register(2, "user", in: ledger)
            try await Task.sleep(for: .milliseconds(200))
            #expect(ledger.checkpoint?.checkpoint.size == 2)
            try FileSystem.writeFileAtomically(path + "/checkpoint", first)
            for _ in 0..<500 where ledger.checkpoint?.checkpoint.size == 2 {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(ledger.checkpoint?.checkpoint.size == 4)
            // The copy's place is taken, and free again later.
            try FileSystem.writeFileAtomically(copy, Array("hello\n".utf8))
            try register(2, "more", in: ledger)
            for _ in 0..<500 where ledger.checkpoint?.checkpoint.size == 4 {
                try await Task.sleep(for: .milliseconds(10))
            }
            let signed = try #require(ledger.checkpoint)
            #expect(signed.checkpoint.size == 6)
            #expect(try FileSystem.readFile(copy) == Array("hello\n".utf8))
            try FileSystem.remove(copy)
            for _ in 0..<500 where !FileSystem.exists(copy) {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try FileSystem.readFile(copy) == signed.bytes)
        }
    }

    @Test("What witnesses cosigned is held against the log at opening too")
    func witnessed() async throws {
        try await withLedgerPath { path in
            try grow(path)
            try duplicate(path, path + "-old")
            try grow(path, "later")
            let witness = try WitnessKey.generate(name: "witness.example")
            let reader = try await LedgerReader.open(at: path)
            let cosigned = try #require(try reader.checkpoint()).cosigned(by: witness, atSeconds: 1)
            reader.close()
            try FileSystem.writeFileAtomically(path + "-old/checkpoint.witnessed", cosigned.bytes)
            let error = try #require(refusal(path + "-old"))
            #expect(error.reason.contains("checkpoint.witnessed was signed for 9 entries"))
        }
    }
}
