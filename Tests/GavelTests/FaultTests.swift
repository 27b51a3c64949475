// Every write, flush, renaming and removal of what makes or replaces the files of a ledger fails in
// turn, once and from there on, as where the process was killed: afterwards it stands or it does
// not, the answer says which, and the same work done again ends well.

import AuctionDomain
import Foundation
import GavelTesting
import Logging
import Platform
import Synchronization
import Testing

@testable import Gavel

/// Warns nobody.
let quiet = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }

private func quietConfiguration() -> Configuration {
    var configuration = Configuration()
    configuration.logger = quiet
    return configuration
}

/// Does some work once for each step that changes files, which fails, and looks at what is left.
/// - Parameter check: is told how the work ended.
private func failingEachStep(
    of work: () async throws -> Void,
    check: (Result<Void, any Error>, Comment) async throws -> Void
) async throws {
    for isLast in [false, true] {
        var number = 0
        while true {
            let faults = FileFaults(failing: number, isLast: isLast)
            var result = Result<Void, any Error>.success(())
            do { try await FileFaults.$current.withValue(faults) { try await work() } } catch {
                result = .failure(error)
            }
            let place: Comment =
                "step \(number) fails\(isLast ? ", and all after it" : ""): \(result)"
            if !faults.hasFailed { #expect(throws: Never.self, place) { try result.get() } }
            try await check(result, place)
            guard faults.hasFailed else { break }
            number += 1
        }
        #expect(number > 4, "\(number) steps")
    }
}

/// Checks what is left of something that makes a ledger, and makes it again.
private func checkMade(
    at path: String, entries: UInt64?, _ result: Result<Void, any Error>, _ place: Comment,
    again: () async throws -> Void
) async throws {
    switch result {
    case .success: #expect(FileSystem.exists(path), place)
    case .failure(let error):
        #expect(error as? LedgerError == LedgerError(.storage, ""), place)
        #expect(!FileSystem.exists(path), place)
        try await again()
    }
    let reader = try await LedgerReader.open(at: path, logger: quiet)
    if let entries { #expect(reader.reflects == entries, place) }
    reader.close()
    #expect(try Verifier.verify(at: path).isClean, place)
    // Whoever writes to it next makes it one like others.
    if FileSystem.exists(path + "/key") {
        try await Ledger.open(at: path, configuration: quietConfiguration()).close()
        #expect(!FileSystem.exists(path + "/unfinished"), place)
    }
    try FileSystem.remove(path)
    // A run that found its ledger standing leaves nothing that the next one cannot remove.
    for suffix in [".importing", ".copying", ".unpacking"] {
        try LedgerFolder(path: path + suffix).removeLeftover()
    }
}

/// Stores under the faults of whoever opened it, on whichever thread.
private final class FaultedLog: WrappedLog, @unchecked Sendable {
    private let faults = FileFaults.current

    override func append(_ frames: [SealedFrame]) throws(StoreFailure) {
        // Faults are those of a task, and the thread that stores has none.
        let result = FileFaults.$current.withValue(faults) {
            Result { () throws(StoreFailure) in try super.append(frames) }
        }
        try result.get()
    }
}

/// Opens a ledger whose commits fail too where the running task's faults say so.
private func openFaulted(at path: String) throws -> Ledger {
    try Ledger.openAndWait(in: FolderStore(at: path), configuration: quietConfiguration()) {
        FaultedLog($0)
    }
}

/// Checks that what failed says that the disk did, or that nobody knows.
private func expectFailure(_ result: Result<Void, any Error>, _ place: Comment) {
    guard case .failure(let error) = result else { return }
    let code = (error as? LedgerError)?.code
    #expect(code == .storage || code == .outcomeUnknown, place)
}

@Suite("Every step fails")
struct FaultTests {
    @Test("An import stands or does not, as it says, and ends the second time")
    func imports() async throws {
        try await withLedgerPath { path in
            func work() throws {
                let history = try LedgerImport(
                    to: path, fingerprint: LedgerHash(of: [1]), configuration: quietConfiguration())
                let time = Timestamp(seconds: 1_700_000_000)
                for number in 0..<3 {
                    let id = CommandID.derived(at: time, file: 0, line: number, content: [])
                    let command = Command.registerUser(UserID(unchecked: "user-\(number)"))
                    try history.add(Submission(id: id, command: command), at: time)
                }
                try history.finish()
            }
            try await failingEachStep(of: work) { result, place in
                try await checkMade(at: path, entries: 5, result, place, again: work)
            }
        }
    }

    @Test("A backup stands or does not, as it says, and ends the second time")
    func backups() async throws {
        try await withLedgerPath { path in
            try makeHouse(at: path)
            let reader = try await LedgerReader.open(at: path, logger: quiet)
            defer { reader.close() }
            let copy = path + "-copy"
            try await failingEachStep(of: { try reader.backup(to: copy) }) { result, place in
                try await checkMade(at: copy, entries: reader.reflects, result, place) {
                    try reader.backup(to: copy)
                }
            }
        }
    }

    @Test("A restore stands or does not, as it says, and ends the second time")
    func restores() async throws {
        try await withLedgerPath { path in
            try makeHouse(at: path)
            let reader = try await LedgerReader.open(at: path, logger: quiet)
            try reader.backup(to: path + "-copy")
            var archive: [UInt8] = []
            try reader.archive { archive += $0 }
            let entries = reader.reflects
            reader.close()
            let new = path + "-new"
            var options = Ledger.RestoreOptions()
            options.logger = quiet
            options.keyPath = path + "/key"
            func restore() throws {
                _ = try Ledger.restore(from: path + "-copy", to: new, options: options)
            }
            try await failingEachStep(of: restore) { result, place in
                try await checkMade(at: new, entries: entries, result, place, again: restore)
            }
            func unpack() throws {
                var rest = archive[...]
                _ = try Ledger.restore(
                    fromArchive: { count in
                        defer { rest = rest.dropFirst(count) }
                        return Array(rest.prefix(count))
                    }, to: new, options: options)
            }
            try await failingEachStep(of: unpack) { result, place in
                try await checkMade(at: new, entries: entries, result, place, again: unpack)
            }
            var renaming = Ledger.RestoreOptions()
            renaming.logger = quiet
            renaming.acceptsMissingCheckpoint = true
            func rename() throws {
                _ = try Ledger.restore(from: path + "-copy", to: new, options: renaming)
            }
            try await failingEachStep(of: rename) { result, place in
                try await checkMade(at: new, entries: nil, result, place, again: rename)
            }
        }
    }

    @Test("A creation that fails is taken up by the next one, and no copy of its key stays")
    func creations() async throws {
        try await withLedgerPath { path in
            func work() throws {
                try openFaulted(at: path).closeAndWait()
            }
            try await failingEachStep(of: work) { result, place in
                expectFailure(result, place)
                try work()
                #expect(try Verifier.verify(at: path).isClean, place)
                let names = try FileSystem.listDirectory(path)
                #expect(!names.contains { $0.contains(".tmp-") || $0 == "key.next" }, place)
                try FileSystem.remove(path)
            }
        }
    }

    @Test(
        "Opening, submitting and closing: what fails lets go of the folder, and nothing is lost",
        arguments: [false, true])
    func sessions(isNew: Bool) async throws {
        try await withLedgerPath { path in
            let house = path + "-house"
            try makeHouse(at: house)
            let accepted = Mutex<[UInt64: CommandID]>([:])
            let number = Mutex(0)
            func work() async throws {
                accepted.withLock { $0 = [:] }
                let ledger = try openFaulted(at: path)
                // Whatever fails before or in it: closing ends, and lets go of everything.
                defer { ledger.closeNow() }
                for _ in 0..<2 {
                    let id = CommandID.generate()
                    let user = number.withLock { number in
                        number += 1
                        return UserID(unchecked: "later-\(number)")
                    }
                    let receipt = try await ledger.submit(.registerUser(user), id: id)
                    #expect(receipt.status == .accepted)
                    let position = try #require(receipt.position)
                    accepted.withLock { $0[position] = id }
                }
                _ = try ledger.signCheckpoint()
            }
            if !isNew { try copy(house, to: path) }
            try await failingEachStep(of: work) { result, place in
                expectFailure(result, place)
                // In this process: a lock or a file that was kept would be in the way.
                let again = try await Ledger.open(at: path, configuration: quietConfiguration())
                for (position, id) in accepted.withLock({ $0 }) {
                    #expect(try again.entry(at: position)?.commandID == id, place)
                }
                await again.close()
                #expect(try Verifier.verify(at: path).isClean, place)
                try FileSystem.remove(path)
                if !isNew { try copy(house, to: path) }
            }
        }
    }

    /// Copies a closed ledger's folder.
    private func copy(_ house: String, to path: String) throws {
        try FileManager.default.copyItem(atPath: house, toPath: path)
    }

    @Test("A rotation replaced the key or did not, as it says and as the log says")
    func rotations() async throws {
        try await withLedgerPath { path in
            try makeHouse(at: path)
            var former = try LedgerKey.read(path + "/key").verifier
            let rotated = Mutex<VerifierKey?>(nil)
            func work() async throws {
                let ledger = try FileFaults.$current.withValue(nil) {
                    try Ledger.openAndWait(at: path, configuration: quietConfiguration())
                }
                // Without faults, which `sessions` has: what is looked at is the rotation.
                defer { FileFaults.$current.withValue(nil) { ledger.closeAndWait() } }
                rotated.withLock { $0 = nil }
                let new = try await ledger.rotateKey()
                rotated.withLock { $0 = new }
                #expect(ledger.verifierKey == new)
            }
            try await failingEachStep(of: work) { result, place in
                expectFailure(result, place)
                let signing = rotated.withLock { $0 } ?? former
                let again = try await Ledger.open(at: path, configuration: quietConfiguration())
                #expect(again.verifierKey == signing, place)
                #expect(try again.checkpoint?.verified(by: signing) != nil, place)
                await again.close()
                #expect(!FileSystem.exists(path + "/key.next"), place)
                #expect(try LedgerKey.read(path + "/key").verifier == signing, place)
                #expect(try Verifier.verify(at: path).isClean, place)
                try await work()
                former = try #require(rotated.withLock { $0 })
            }
        }
    }

    @Test("A rebuild that fails leaves a ledger that opens, and ends the second time")
    func rebuilds() async throws {
        try await withLedgerPath { path in
            try makeHouse(at: path, users: 1_000)
            func work() throws { try Ledger.rebuild(at: path, logger: quiet) }
            try await failingEachStep(of: work) { result, place in
                if case .failure(let error) = result {
                    #expect(error as? LedgerError == LedgerError(.storage, ""), place)
                }
                try await Ledger.open(at: path, configuration: quietConfiguration()).close()
                #expect(try Verifier.verify(at: path).isClean, place)
                try work()
                #expect(try FileSystem.listDirectory(path + "/snapshots").count == 1, place)
            }
        }
    }

    @Test("Of rotations at the same moment each stands in the log or is refused, and the key stays")
    func rotationsAtOnce() async throws {
        try await withLedgerPath { path in
            try makeHouse(at: path)
            let ledger = try await Ledger.open(at: path, configuration: quietConfiguration())
            let results = await withTaskGroup(of: Result<VerifierKey, any Error>.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        do { return .success(try await ledger.rotateKey()) } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            var made: [VerifierKey] = []
            for result in results {
                switch result {
                case .success(let key): made.append(key)
                case .failure(let error):
                    #expect(error as? LedgerError == LedgerError(.keyMismatch, ""))
                }
            }
            let signing = ledger.verifierKey
            #expect(made.contains(signing))
            await ledger.close()
            let again = try await Ledger.open(at: path, configuration: quietConfiguration())
            #expect(again.verifierKey == signing)
            await again.close()
            #expect(try LedgerKey.read(path + "/key").verifier == signing)
            #expect(try Verifier.verify(at: path).isClean)
        }
    }

    private func makeHouse(at path: String, users: Int = 3) throws {
        let ledger = try Ledger.openAndWait(at: path, configuration: quietConfiguration())
        try register(users, "user", in: ledger)
        ledger.closeAndWait()
    }
}
