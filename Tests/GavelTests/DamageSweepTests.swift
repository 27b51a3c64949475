// Bits that flip in the files of a ledger, one byte after the other: whoever opens it for reading
// or for writing, and whatever it is then asked, gets what was written, or an error that says where
// the damage is. Never something else, and never a trap, which would end this process.
//
// By default a part of all bytes is tried; GAVEL_CAMPAIGN=200 tries each, with one bit flipped and
// as 0x00 and as 0xFF.

import AuctionDomain
import Foundation
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// The files of a folder, to be put back after each try.
private struct Original {
    let path: String
    private(set) var files: [String: [UInt8]] = [:]

    init(of path: String) throws {
        self.path = path
        let names = FileManager.default.enumerator(atPath: path)?.allObjects as? [String]
        for name in try #require(names) where !FileSystem.isDirectory("\(path)/\(name)") {
            files[name] = try FileSystem.readFile("\(path)/\(name)")
        }
    }

    /// Puts every file back, and removes what has come since.
    func putBack() throws {
        if FileSystem.exists(path) { try FileSystem.remove(path) }
        for (name, bytes) in files {
            let file = URL(fileURLWithPath: "\(path)/\(name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
    }

    /// Puts every file back but one, in which a byte is another one, wherever it stands.
    func putBack(with damage: Damage) throws {
        try putBack()
        var bytes = files[damage.file]!
        for offset in damage.offsets { bytes[offset] = damage.byte }
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(damage.file)"))
    }

    /// Each byte of a part of a file in turn, another one than it is.
    /// - Parameters:
    ///   - starts: where the part stands: LMDB leaves copies of what it wrote in pages that are
    ///     free, and which of them is read is for LMDB to know.
    ///   - perMille: how much of it all is tried by default.
    func damages(
        to file: String, _ starts: [Int], _ length: Int, _ name: String, perMille: Int
    ) -> [Damage] {
        var generator = SeededGenerator(seed: UInt64(length))
        let bytes = files[file]!
        return (0..<length).flatMap { place in
            let byte = bytes[starts[0] + place]
            return [byte ^ 1 << UInt8(place % 8), 0x00, 0xFF].filter { $0 != byte }.map { other in
                Damage(
                    file: file, offsets: starts.map { $0 + place }, byte: other,
                    name: "\(name), byte \(place) as \(other)")
            }
        }.filter { _ in generator.chance(perMille: min(1000, perMille * campaignScale)) }
    }
}

/// A byte of a file that is not what was written.
private struct Damage {
    let file: String
    let offsets: [Int]
    let byte: UInt8
    let name: String
}

/// A folder that is in memory where there is such a place: what is tested opens it very often.
private func withQuickPath<R>(_ body: (String) throws -> R) throws -> R {
    let memory = "/dev/shm"
    let folder =
        FileSystem.isDirectory(memory)
        ? "\(memory)/gavel-tests-\(UUID().uuidString)"
        : try FileSystem.temporaryDirectory("gavel-tests-")
    try FileSystem.createDirectory(folder)
    defer { try? FileSystem.remove(folder) }
    return try body(folder + "/ledger")
}

/// A small ledger, what it answers, and its files.
private struct House {
    let asked: AskedLedger
    let questions: [ReadingQuestion]
    let truth: [AnyHashable]
    let original: Original
    let key: VerifierKey
    var path: String { original.path }

    init(at path: String) throws {
        asked = try AskedLedger(at: path, users: 3, lots: 2, rounds: 4)
        let copy = path + "-copy"
        questions =
            asked.questions + [
                ReadingQuestion(name: "backup") { reader in
                    try reader.backup(to: copy)
                    defer { try? FileSystem.remove(copy) }
                    // A copy is what the ledger is, and whoever verifies it is told.
                    let report = try Verifier.verify(at: copy)
                    if let finding = report.findings.first {
                        let place = finding.position.map { "position \($0): " } ?? ""
                        throw LedgerError(.damaged, place + finding.what)
                    }
                    return report.digest
                }
            ]
        let reader = try LedgerReader.openAndWait(at: path, logger: quiet)
        truth = try questions.answers(of: reader)
        key = try #require(try reader.verifierKey())
        reader.close()
        original = try Original(of: path)
    }

    /// Opens it for reading and asks everything.
    /// - Returns: whether it opened, and how many questions were refused.
    func read(_ place: String) -> (isOpen: Bool, refused: Int) {
        do {
            let reader = try LedgerReader.openAndWait(at: path, logger: quiet)
            defer { reader.close() }
            return (true, questions.check(reader, against: truth, place).count)
        } catch {
            expectDamage(error, place)
            return (false, questions.count)
        }
    }

    /// Opens it for writing and sends every command again: each has its first receipt, or is
    /// refused because the damage was met.
    /// - Returns: whether it opened.
    func write(_ place: String) -> Bool {
        do {
            let ledger = try Ledger.openAndWait(at: path, configuration: configuration)
            defer { ledger.closeNow() }
            #expect(ledger.reflects == asked.count + 1, "\(place)")
            let pictures = questions.firstIndex { $0.name == "wallets" }!
            let wallets = try ledger.wallets(limit: 1000).items
            #expect(AnyHashable(wallets) == truth[pictures], "\(place)")
            for (submission, position) in asked.submissions {
                do {
                    let receipt = try ledger.enqueue([submission]).wait()[0]
                    #expect(receipt.isReplay && receipt.position == position, "\(place)")
                } catch {
                    expectDamage(error, place)
                    break
                }
            }
            return true
        } catch {
            expectDamage(error, place)
            return false
        }
    }

    private var configuration: Configuration {
        var configuration = Bench.configuration(ManualClock())
        configuration.logger = quiet
        return configuration
    }
}

@Suite("Damaged files")
struct DamageSweepTests {
    @Test("A byte of a stored frame: read or written to, it is met or it does not matter")
    func frames() throws {
        try withQuickPath { path in
            let house = try House(at: path)
            let frames = try readFrames(at: path)
            let data = house.original.files["log/data.mdb"]!
            var tried = (opened: 0, refused: 0, written: 0, all: 0)
            for frame in frames {
                let starts = places(of: frame.1, in: data)
                try #require(!starts.isEmpty)
                for damage in house.original.damages(
                    to: "log/data.mdb", starts, frame.1.count, "frame \(frame.0)", perMille: 20)
                {
                    try house.original.putBack(with: damage)
                    let (isOpen, refused) = house.read(damage.name)
                    tried.all += 1
                    tried.opened += isOpen ? 1 : 0
                    tried.refused += refused
                    for level in VerificationLevel.allCases where level != .heads {
                        let isClean = try? Verifier.verify(at: path, level: level).isClean
                        #expect(isClean != true, "\(damage.name)")
                    }
                    _ = try? Verifier.verify(at: path, level: .heads)
                    tried.written += house.write(damage.name) ? 1 : 0
                    // Without the snapshot all of it has to be read.
                    try house.original.putBack(with: damage)
                    try FileSystem.remove(path + "/snapshots")
                    #expect(!house.read("\(damage.name), no snapshot").isOpen)
                    #expect(!house.write("\(damage.name), no snapshot"))
                }
            }
            // It says both: the last tile is hashed at every opening, and so is all of this ledger.
            #expect(tried.all > 50 && tried.refused > 0, "\(tried)")
        }
    }

    @Test("A byte of a snapshot: it is passed over, and everything is as without it")
    func snapshots() throws {
        try withQuickPath { path in
            let house = try House(at: path)
            let name = try #require(try FileSystem.listDirectory(path + "/snapshots").last)
            let file = "snapshots/\(name)"
            let length = house.original.files[file]!.count
            for damage in house.original.damages(to: file, [0], length, "snapshot", perMille: 5) {
                try house.original.putBack(with: damage)
                let (isOpen, refused) = house.read(damage.name)
                #expect(isOpen && refused == 0, "\(damage.name)")
                let report = try Verifier.verify(at: path, level: .fold)
                #expect(!report.covered.contains { $0.contains("the snapshot after") })
                #expect(house.write(damage.name), "\(damage.name)")
            }
        }
    }

    @Test(
        "A byte of a file beside the log is met by whoever needs it, or does not matter",
        arguments: ["writer", "checkpoint", "checkpoints/kept", "key", "secret"])
    func besides(file: String) throws {
        try withQuickPath { path in
            let house = try House(at: path)
            let bytes = try #require(house.original.files[file])
            for damage in house.original.damages(
                to: file, [0], bytes.count, file, perMille: max(20, 30_000 / bytes.count))
            {
                try house.original.putBack(with: damage)
                let damaged = try FileSystem.readFile("\(path)/\(file)")
                // A name in a signature line that is nobody's makes the line a stranger's: what is
                // left is signed as before, and says no time.
                let signed = file == "checkpoint" ? try? SignedCheckpoint(parsing: damaged) : nil
                let isSigned = (try? signed?.verified(by: house.key)) != nil
                readBesides(house, damage.name, comparesSignatures: !isSigned)
                writeBesides(house, damage.name)
                if file == "key" {
                    // Whatever becomes of it: no key takes its place.
                    #expect(try FileSystem.readFile("\(path)/key") == damaged, "\(damage.name)")
                }
            }
        }
    }

    /// What is read does not depend on these files; evidence does on the checkpoint and the key.
    private func readBesides(_ house: House, _ place: String, comparesSignatures: Bool) {
        let signed = ["proof", "evidence", "growth", "archive", "statements"]
        do {
            let reader = try LedgerReader.openAndWait(at: house.path, logger: quiet)
            defer { reader.close() }
            for (question, truth) in zip(house.questions, house.truth) {
                do {
                    let answer = try question.ask(reader)
                    #expect(
                        answer == truth || !comparesSignatures && signed.contains(question.name),
                        "\(question.name), \(place)")
                } catch is EvidenceError {
                    // Says what is wrong with a signature or a key.
                } catch {
                    expectBesides(error, "\(question.name), \(place)")
                }
            }
        } catch { expectBesides(error, place) }
        for level in VerificationLevel.allCases {
            _ = try? Verifier.verify(at: house.path, level: level)
        }
    }

    private func writeBesides(_ house: House, _ place: String) {
        do {
            var configuration = Bench.configuration(ManualClock())
            configuration.logger = quiet
            let ledger = try Ledger.openAndWait(at: house.path, configuration: configuration)
            #expect(ledger.reflects == house.asked.count + 1, "\(place)")
            let signed = ledger.checkpoint
            let key = ledger.verifierKey
            ledger.closeAndWait()
            // What it signs is its own, and its log.
            #expect(try signed?.verified(by: key).size == house.asked.count + 1)
            let report = try Verifier.verify(at: house.path)
            #expect(report.findings.allSatisfy { $0.what.contains("kept") }, "\(place): \(report)")
        } catch { expectBesides(error, place) }
    }

    private func expectBesides(_ error: any Error, _ place: String) {
        let codes: Set<LedgerError.Code> = [
            .damaged, .foreign, .checkpointMismatch, .keyMismatch, .storage,
        ]
        let code = (error as? LedgerError)?.code
        #expect(code.map(codes.contains) == true, "\(place): \(error)")
    }

    /// Where some bytes stand in others.
    private func places(of part: [UInt8], in whole: [UInt8]) -> [Int] {
        let (data, part) = (Data(whole), Data(part))
        var places: [Int] = []
        var start = 0
        while let found = data.range(of: part, in: start..<data.count) {
            places.append(found.lowerBound)
            start = found.lowerBound + 1
        }
        return places
    }
}
