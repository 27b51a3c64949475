// A ledger without its key, or without its checkpoint, is not written to: whoever took them away
// could else have the ledger sign another history under its name.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Synchronization
import Testing

@testable import Gavel

/// Opens a ledger, registers users, and closes it.
private func grow(
    _ path: String, _ prefix: String = "user", _ change: (inout Configuration) -> Void = { _ in }
) throws {
    var configuration = Configuration()
    change(&configuration)
    let ledger = try Ledger.openAndWait(at: path, configuration: configuration)
    try register(3, prefix, in: ledger)
    ledger.closeAndWait()
}

/// What writing to a ledger is refused with.
private func refusal(
    _ path: String, _ change: (inout Configuration) -> Void = { _ in }
) -> LedgerError? {
    do {
        try grow(path, "late", change)
        return nil
    } catch { return error as? LedgerError }
}

/// Takes files of a ledger away.
private func remove(_ names: [String], of path: String) throws {
    for name in names { try FileSystem.remove("\(path)/\(name)") }
}

@Suite("Lost keys")
struct LostKeyTests {
    @Test(
        "Without its key a log that has entries is not written to, whatever else was taken away",
        arguments: [
            ["key"], ["key", "checkpoint"], ["key", "checkpoint", "checkpoints"],
            ["key", "checkpoint", "checkpoints", "snapshots", "secret"],
            ["checkpoint"], ["checkpoint", "checkpoints"],
        ], [false, true])
    func refused(taken: [String], putsBackOlderLog: Bool) async throws {
        try await withLedgerPath { path in
            try grow(path)
            try FileManager.default.copyItem(atPath: path + "/log", toPath: path + ".log")
            try grow(path, "later")
            if putsBackOlderLog {
                try FileSystem.remove(path + "/log")
                try FileManager.default.moveItem(atPath: path + ".log", toPath: path + "/log")
            }
            try remove(taken, of: path)
            let before = try FileSystem.readFile(path + "/log/data.mdb")
            let error = try #require(refusal(path))
            #expect(
                error.code == (taken.contains("checkpoint") ? .checkpointMismatch : .keyMismatch))
            #expect(error.reason.contains("--without-checkpoint"), "\(error.reason)")
            if taken == ["key"] { #expect(error.reason.contains("--new-key"), "\(error.reason)") }
            #expect(try FileSystem.readFile(path + "/log/data.mdb") == before)
            for name in taken { #expect(!FileSystem.exists("\(path)/\(name)") || name == "secret") }
            // Nor under another key, where no checkpoint shows what was signed.
            if taken.contains("checkpoint") {
                #expect(refusal(path) { $0.replacesLostKey = true }?.code == .checkpointMismatch)
            }
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level)
                let isFound = report.findings.contains { $0.what.contains("it was removed") }
                #expect(isFound == taken.contains("checkpoint"), "\(level)")
                let isNamed = report.notCovered.contains { $0.contains("no key of the ledger") }
                #expect(isNamed == (taken == ["key"]), "\(level)")
            }
        }
    }

    @Test("The ledger's own key is taken from wherever it is; another one only where that is asked")
    func given() async throws {
        try await withLedgerPath { path in
            try grow(path)
            let own = try LedgerKey.read(path + "/key")
            let other = try SigningKey.generate(name: own.verifier.name)
            try remove(["key"], of: path)
            let error = try #require(refusal(path) { $0.signingKey = other })
            #expect(error.code == .keyMismatch)
            #expect(error.reason.contains("has not signed \(path)/checkpoint"))
            #expect(!FileSystem.exists(path + "/key"))
            try grow(path, "given") { $0.signingKey = own }
            #expect(try LedgerKey.read(path + "/key").verifier == own.verifier)
            try remove(["key"], of: path)
            let receipt = try SignedCheckpoint(parsing: FileSystem.readFile(path + "/checkpoint"))
            for key in [other, nil] {
                try grow(path, key == nil ? "made" : "other") {
                    $0.replacesLostKey = true
                    $0.signingKey = key
                }
                let new = try LedgerKey.read(path + "/key").verifier
                #expect(new != own.verifier && new.name == own.verifier.name)
                #expect(key == nil || new == other.verifier)
                #expect(try Verifier.verify(at: path).isClean)
                // What was signed before is still found in the log, by the former key.
                let report = try Verifier.verify(
                    at: path, keys: [own.verifier, new],
                    kept: [Verifier.KeptCheckpoint(name: "kept", receipt)])
                #expect(
                    report.isClean && report.covered.contains("the signature of kept"), "\(report)")
                if key != nil { try remove(["key"], of: path) }
            }
            // It is asked for once: later openings have the key.
            try grow(path, "again")
        }
    }

    @Test("A key put in the place of the ledger's is found by whoever has the former one")
    func exchanged() async throws {
        try await withLedgerPath { path in
            try grow(path)
            let own = try LedgerKey.read(path + "/key").verifier
            let other = try SigningKey.generate(name: own.name)
            let reader = try await LedgerReader.open(at: path)
            let checkpoint = try #require(try reader.checkpoint()).checkpoint
            reader.close()
            try remove(["key", "checkpoint", "checkpoints"], of: path)
            try writeKey(other, to: path + "/key")
            try FileSystem.writeFileAtomically(
                path + "/checkpoint", checkpoint.signed(by: other).bytes)
            #expect(try Verifier.verify(at: path).isClean)
            for level in VerificationLevel.allCases {
                let report = try Verifier.verify(at: path, level: level, keys: [own])
                #expect(report.findings.count == 1, "\(level)")
                #expect(report.findings.first?.what.contains("not signed by this ledger") == true)
            }
        }
    }

    @Test("A lost key that the log names is replaced by none")
    func rotated() async throws {
        try await withLedgerPath { path in
            try grow(path)
            let ledger = try await Ledger.open(at: path)
            _ = try await ledger.rotateKey()
            await ledger.close()
            let own = try LedgerKey.read(path + "/key")
            try remove(["key"], of: path)
            #expect(refusal(path)?.code == .keyMismatch)
            #expect(refusal(path) { $0.replacesLostKey = true }?.code == .keyMismatch)
            try grow(path, "given") { $0.signingKey = own }
        }
    }

    @Test("A creation that a crash cut short goes on with its key, and nothing else does")
    func cutShort() async throws {
        try await withLedgerPath { path in
            for (name, taken) in [("before", ["checkpoint", "checkpoints"]), ("after", [])] {
                let path = "\(path)-\(name)"
                try await Ledger.open(at: path).close()
                // The key is stored last.
                try FileSystem.rename(path + "/key", to: path + "/key.next")
                try remove(taken, of: path)
                let key = try LedgerKey.read(path + "/key.next").verifier
                for level in VerificationLevel.allCases {
                    #expect(try Verifier.verify(at: path, level: level).isClean, "\(level)")
                }
                let stranger = try SigningKey.generate(name: key.name)
                #expect(refusal(path) { $0.signingKey = stranger }?.code == .keyMismatch)
                try grow(path)
                #expect(try LedgerKey.read(path + "/key").verifier == key)
                #expect(!FileSystem.exists(path + "/key.next"))
                #expect(try Verifier.verify(at: path).isClean)
                // Once somebody was admitted the first checkpoint stood, and the key with it.
                try FileSystem.rename(path + "/key", to: path + "/key.next")
                #expect(refusal(path)?.code == .keyMismatch)
                try remove(["checkpoint", "checkpoints"], of: path)
                #expect(refusal(path)?.code == .checkpointMismatch)
            }
            // Nor is a log of two entries one without a key.
            try await Ledger.open(at: path).close()
            try remove(["key", "checkpoint", "checkpoints"], of: path)
            #expect(refusal(path)?.code == .keyMismatch)
            // The key came after the checkpoint.
            try await Ledger.open(at: path + "-whole").close()
            try remove(["checkpoint", "checkpoints"], of: path + "-whole")
            #expect(refusal(path + "-whole")?.code == .checkpointMismatch)
        }
    }

    @Test("A new ledger has its key beside it before its first entry is stored")
    func creation() async throws {
        try await withLedgerPath { path in
            let gate = Gate()
            gate.isShut.store(true, ordering: .releasing)
            let opening = onThread {
                try Ledger.openAndWait(in: FolderStore(at: path), configuration: Configuration()) {
                    GatedLog($0, gate)
                }
            }
            while gate.stored.load(ordering: .acquiring) == 0 {
                try await Task.sleep(for: .milliseconds(1))
            }
            // Stored, and not yet reported: killed here, the ledger is taken up again.
            #expect(FileSystem.exists(path + "/key.next") && !FileSystem.exists(path + "/key"))
            try FileManager.default.copyItem(atPath: path, toPath: path + "-killed")
            gate.isShut.store(false, ordering: .releasing)
            let ledger = try await opening.value
            let again = try await Ledger.open(at: path + "-killed")
            #expect(again.verifierKey == ledger.verifierKey)
            await again.close()
            await ledger.close()
        }
    }

    @Test("A ledger that was restored without its key is written to once the key is there")
    func restored() async throws {
        try await withLedgerPath { path in
            try grow(path)
            let key = try LedgerKey.read(path + "/key")
            let reader = try await LedgerReader.open(at: path)
            try reader.backup(to: path + "-backup")
            reader.close()
            #expect(try Verifier.verify(at: path + "-backup").isClean)
            var options = Ledger.RestoreOptions()
            options.keys = [key.verifier]
            let new = path + "-new"
            #expect(try Ledger.restore(from: path + "-backup", to: new, options: options) == nil)
            #expect(refusal(new)?.code == .keyMismatch)
            try writeKey(key, to: new + "/key")
            try grow(new, "later")
        }
    }
}
