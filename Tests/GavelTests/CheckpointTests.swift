// What a ledger signs, when, and what it does when its log cannot live up to it.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// A ledger in a folder with some users, closed.
private func makeLedger(
    at path: String, users: Int = 5, prefix: String = "user", key: SigningKey? = nil
) throws {
    var configuration = Configuration()
    configuration.ledgerID = LedgerID(high: 1, low: 2)
    configuration.signingKey = key
    let ledger = try Ledger.openAndWait(at: path, configuration: configuration)
    try register(users, prefix, in: ledger)
    ledger.closeAndWait()
}

private func replaceLog(of path: String, by other: String) throws {
    try FileSystem.remove(path + "/log")
    try FileManager.default.copyItem(atPath: other + "/log", toPath: path + "/log")
}

@Suite("Checkpoints")
struct LedgerCheckpointTests {
    @Test("A new ledger has a key only its owner reads, and signs all it has when it closes")
    func created() async throws {
        try await withLedgerPath { path in
            try makeLedger(at: path)
            let attributes = try FileManager.default.attributesOfItem(atPath: path + "/key")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            let root = try Verifier.verify(at: path).root
            let reader = try await LedgerReader.open(at: path)
            defer { reader.close() }
            let key = try LedgerKey.read(path + "/key").verifier
            let signed = try #require(try reader.checkpoint())
            let verified = try signed.verified(by: key)
            #expect(verified.origin == LedgerID(high: 1, low: 2).origin)
            #expect(verified.size == reader.reflects)
            #expect(verified.root == root)
            try reader.check(signed, keys: [key])
        }
    }

    @Test(
        "A closing is signed soon after it is durable, other entries after the interval",
        .timeLimit(.minutes(30)))
    func closing() async throws {
        try await withLedgerPath { path in
            var configuration = Configuration()
            configuration.checkpointIntervalMilliseconds = 3_600_000
            configuration.checkpointCopyPath = path + ".copy"
            let ledger = try await Ledger.open(at: path, configuration: configuration)
            defer { ledger.closeNow() }
            for command: Command in [
                .registerCurrency(Currency(code: "USD", scale: 2)), .registerUser("bob"),
                .openAuction(OpenAuction(auction: "lot", seller: "bob", currency: "USD")),
            ] { _ = try await ledger.submit(command, id: .generate()) }
            try await Task.sleep(for: .milliseconds(300))
            // Opening has signed its own entries.
            #expect(ledger.checkpoint?.checkpoint.size == 2)
            let receipt = try await ledger.submit(
                .closeAuction("lot", hammer: true), id: .generate())
            while ledger.checkpoint?.checkpoint.size == 2 {
                try await Task.sleep(for: .milliseconds(10))
            }
            let signed = try #require(ledger.checkpoint)
            #expect(signed.checkpoint.size == receipt.position! + 1)
            #expect(try FileSystem.readFile(path + "/checkpoint") == signed.bytes)
            // The copy is written last.
            while try FileSystem.readFile(path + ".copy") != signed.bytes {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test("An older copy of the log beside a newer checkpoint is refused, and nothing is changed")
    func rollback() async throws {
        try await withLedgerPath { path in
            try makeLedger(at: path)
            try FileManager.default.copyItem(atPath: path, toPath: path + "-old")
            let ledger = try await Ledger.open(at: path)
            try register(3, "later", in: ledger)
            await ledger.close()
            try replaceLog(of: path, by: path + "-old")
            let before = try FileSystem.readFile(path + "/log/data.mdb")
            let error = #expect(throws: LedgerError.self) { try Ledger.openAndWait(at: path) }
            #expect(error?.code == .checkpointMismatch)
            #expect(error?.reason.contains("11 entries, but the log has 7") == true)
            #expect(try FileSystem.readFile(path + "/log/data.mdb") == before)
            // Reading goes on.
            await #expect(try LedgerReader.open(at: path).reflects == 7)
        }
    }

    @Test("A log rewritten and hashed again without the key is refused, and so is none at all")
    func rewritten() async throws {
        try await withLedgerPath { path in
            try makeLedger(at: path)
            try makeLedger(at: path + "-forged", prefix: "shill")
            #expect(try Verifier.verify(at: path + "-forged").isClean)
            try replaceLog(of: path, by: path + "-forged")
            let error = #expect(throws: LedgerError.self) { try Ledger.openAndWait(at: path) }
            #expect(error?.code == .checkpointMismatch)
            // The forger's own checkpoint does not help: the key is another.
            try FileSystem.writeFileAtomically(
                path + "/checkpoint", try FileSystem.readFile(path + "-forged/checkpoint"))
            #expect(throws: LedgerError(.checkpointMismatch, "")) {
                try Ledger.openAndWait(at: path)
            }
            try FileSystem.remove(path + "/log")
            #expect(throws: LedgerError(.checkpointMismatch, "")) {
                try Ledger.openAndWait(at: path)
            }
            try FileSystem.writeFileAtomically(path + "/checkpoint", Array("hello\n".utf8))
            #expect(throws: LedgerError(.checkpointMismatch, "")) {
                try Ledger.openAndWait(at: path)
            }
        }
    }

    @Test("Restoring without signed entries is refused, or says in the log what was lost")
    func restoring() async throws {
        try await withLedgerPath { path in
            try makeLedger(at: path)
            let reader = try await LedgerReader.open(at: path)
            try reader.backup(to: path + "-backup")
            reader.close()
            let ledger = try await Ledger.open(at: path)
            try register(3, "later", in: ledger)
            await ledger.close()
            var options = Ledger.RestoreOptions()
            options.keyPath = path + "/key"
            options.checkpointPath = path + "-backup/checkpoint"
            let complete = path + "-complete"
            #expect(
                try Ledger.restore(from: path + "-backup", to: complete, options: options) == nil)
            let again = try await Ledger.open(at: complete)
            #expect(again.verifierKey == (try LedgerKey.read(path + "/key").verifier))
            await again.close()

            options.checkpointPath = path + "/checkpoint"
            let short = path + "-short"
            #expect(throws: LedgerError(.checkpointMismatch, "")) {
                try Ledger.restore(from: path + "-backup", to: short, options: options)
            }
            #expect(!FileSystem.exists(short))
            options.acceptsLoss = true
            let loss = try #require(
                try Ledger.restore(from: path + "-backup", to: short, options: options))
            #expect(loss.positions == 7..<11)
            #expect(try Verifier.verify(at: short).isClean)
            let restored = try await LedgerReader.open(at: short)
            defer { restored.close() }
            guard case .restoreLedger(let entry) = try restored.entry(at: 7)?.command else {
                Issue.record("entry 7 does not say what was lost")
                return
            }
            #expect(entry.checkpointSize == 11 && entry.ledger.origin == loss.origin)
            let signed = try #require(try restored.checkpoint())
            #expect(signed.checkpoint.origin == loss.origin)
        }
    }
}

@Suite("Keys of a ledger")
struct LedgerKeyTests {
    @Test("A rotation stands in the log under the former key, and later opening goes on with it")
    func rotation() async throws {
        try await withLedgerPath { path in
            try makeLedger(at: path)
            let former = try LedgerKey.read(path + "/key").verifier
            let ledger = try await Ledger.open(at: path)
            let new = try await ledger.rotateKey()
            #expect(new != former && new.name == former.name)
            #expect(try ledger.checkpoint?.verified(by: new) != nil)
            guard case .rotateKey(let rotation) = try ledger.entry(at: 8)?.command else {
                Issue.record("entry 8 is no rotation")
                return
            }
            #expect(rotation.key == new.bytes32 && rotation.previous == former.bytes32)
            #expect(rotation.isSigned(of: LedgerID(high: 1, low: 2)))
            #expect(!rotation.isSigned(of: LedgerID(high: 1, low: 3)))
            await #expect(throws: LedgerError(.keyMismatch, "")) {
                _ = try await ledger.rotateKey(to: .generate(name: "other"))
            }
            await ledger.close()
            // With and without a snapshot.
            for removesSnapshots in [false, true] {
                if removesSnapshots { try FileSystem.remove(path + "/snapshots") }
                let again = try await Ledger.open(at: path)
                #expect(again.verifierKey == new)
                await again.close()
            }
            #expect(try Verifier.verify(at: path).isClean)
        }
    }

    @Test("A rotation that a crash cut short is finished if its entry is there, else undone")
    func cutShort() async throws {
        try await withLedgerPath { path in
            try makeLedger(at: path)
            let former = try FileSystem.readFile(path + "/key")
            let ledger = try await Ledger.open(at: path)
            let new = try await ledger.rotateKey()
            await ledger.close()
            // As it stood before the last step.
            try FileSystem.rename(path + "/key", to: path + "/key.next")
            try FileSystem.writeFileAtomically(path + "/key", former)
            let finished = try await Ledger.open(at: path)
            #expect(finished.verifierKey == new)
            await finished.close()
            #expect(!FileSystem.exists(path + "/key.next"))
            // As it stands before its entry is durable.
            let never = try SigningKey.generate(name: new.name)
            try FileSystem.writeFileAtomically(path + "/key.next", Array(never.fileText.utf8))
            let undone = try await Ledger.open(at: path)
            #expect(undone.verifierKey == new)
            await undone.close()
            #expect(!FileSystem.exists(path + "/key.next"))
        }
    }

    @Test("No other key than the one the log names signs, and a given one is used only once")
    func otherKeys() async throws {
        try await withLedgerPath { path in
            let given = try SigningKey.generate(name: "ledger.example/house")
            try makeLedger(at: path, key: given)
            #expect(try LedgerKey.read(path + "/key").verifier == given.verifier)
            let reader = try await LedgerReader.open(at: path)
            #expect(try reader.checkpoint()?.checkpoint.origin == "ledger.example/house")
            reader.close()
            var configuration = Configuration()
            configuration.signingKey = try .generate(name: "ledger.example/house")
            #expect(throws: LedgerError(.keyMismatch, "")) {
                try Ledger.openAndWait(at: path, configuration: configuration)
            }
            let ledger = try await Ledger.open(at: path)
            _ = try await ledger.rotateKey()
            await ledger.close()
            try FileSystem.writeFileAtomically(path + "/key", Array(given.fileText.utf8))
            #expect(throws: LedgerError(.keyMismatch, "")) { try Ledger.openAndWait(at: path) }
            try FileSystem.remove(path + "/key")
            #expect(throws: LedgerError(.keyMismatch, "")) { try Ledger.openAndWait(at: path) }
            try FileSystem.writeFileAtomically(path + "/key", Array("hello".utf8))
            #expect(throws: LedgerError(.keyMismatch, "")) { try Ledger.openAndWait(at: path) }
        }
    }
}
