// A creation that was cut short: every state of the files that it makes is taken up again by the
// next one, and is no ledger to those who read.

import AuctionDomain
import Foundation
import GavelTesting
import LMDB
import Platform
import Testing

@testable import Gavel

/// A file of a creation, as far as it came.
private enum Left: CustomStringConvertible {
    case absent
    case bytes([UInt8], String)

    var description: String {
        switch self {
        case .absent: "absent"
        case .bytes(_, let name): name
        }
    }

    /// Every so many bytes of a file, and as many zeros: what was written and not yet flushed.
    static func prefixes(of bytes: [UInt8], lengths: [Int], _ name: String) -> [Left] {
        lengths.flatMap { length in
            [
                Left.bytes(Array(bytes.prefix(length)), "\(length) bytes of \(name)"),
                .bytes([UInt8](repeating: 0, count: length), "\(length) zeros of \(name)"),
            ]
        }
    }

    func put(at path: String) throws {
        guard case .bytes(let bytes, _) = self else { return }
        try FileSystem.writeFileAtomically(path, bytes)
    }
}

/// The data file of a log after each step of its creation.
private struct DataFiles {
    /// As LMDB makes it; with its first table; with both.
    let made: [UInt8]
    let first: [UInt8]
    let both: [UInt8]

    init(in folder: String) throws {
        var configuration = Environment.Configuration()
        configuration.maxTables = 4
        let environment = try Environment(at: folder, configuration: configuration)
        made = try FileSystem.readFile(folder + "/data.mdb")
        _ = try environment.integerTable(named: LogFileReader.framesName, create: true)
        first = try FileSystem.readFile(folder + "/data.mdb")
        _ = try environment.integerTable(named: LogFileReader.tilesName, create: true)
        both = try FileSystem.readFile(folder + "/data.mdb")
    }

    var states: [Left] {
        let page = made.count / 2
        let lengths = [
            0, 1, 10, 11, 16, 17, 100, 151, 152, page - 1, page, page + 1, page + 17, page + 151,
            2 * page - 1, 2 * page,
        ]
        var states: [Left] =
            [.absent] + Left.prefixes(of: made, lengths: lengths, "the new file")
        let zeros = [UInt8](repeating: 0, count: page)
        let (left, right) = (Array(made[..<page]), Array(made[page...]))
        // The first commit's own page may have come to the disk before either.
        for (name, rest) in [("new", []), ("longer", Array(first[(2 * page)...]))] {
            states += [
                .bytes(zeros + right + rest, "the \(name) file without its first page"),
                .bytes(left + zeros + rest, "the \(name) file without its second page"),
                .bytes(zeros + zeros + rest, "the \(name) file without both"),
                .bytes(left + right + rest, "the \(name) file"),
            ]
        }
        return states + [.bytes(first, "one table"), .bytes(both, "both tables")]
    }
}

@Suite("A creation that was cut short")
struct CreationTests {
    /// A folder as a creation left it.
    private func leave(
        _ data: Left, lock: Left = .absent, writer: Left = .absent, at path: String
    ) throws {
        if FileSystem.exists(path) { try FileSystem.remove(path) }
        try FileSystem.createDirectory(path + "/log")
        try data.put(at: path + "/log/data.mdb")
        try lock.put(at: path + "/log/lock.mdb")
        try writer.put(at: path + "/writer")
    }

    /// What is left is no ledger, and becomes one.
    private func checkTakenUp(at path: String, _ place: Comment) throws {
        let absent = LedgerError(.notFound, "")
        #expect(throws: absent, place) { try LedgerReader.openAndWait(at: path) }
        #expect(throws: absent, place) { try Ledger.rebuild(at: path) }
        #expect(throws: absent, place) {
            var configuration = Configuration()
            configuration.createsIfMissing = false
            try Ledger.openAndWait(at: path, configuration: configuration).closeAndWait()
        }
        let ledger = try Ledger.openAndWait(at: path)
        try register(1, "user", in: ledger)
        ledger.closeAndWait()
        #expect(try Verifier.verify(at: path).isClean, place)
        let reader = try LedgerReader.openAndWait(at: path)
        #expect(reader.reflects == 3, place)
        reader.close()
    }

    @Test("An empty path is called empty, and nothing is made where the process stands")
    func emptyPath() async throws {
        func expectEmpty(_ body: () async throws -> Void) async {
            do {
                try await body()
                Issue.record("an empty path was taken")
            } catch {
                let error = error as? LedgerError
                #expect(error?.code == .invalidConfiguration, "\(String(describing: error))")
                #expect(error?.reason == "the ledger's path is empty")
            }
        }
        try await withLedgerPath { path in
            try await Ledger.open(at: path).close()
            await expectEmpty { _ = try await Ledger.open(at: "") }
            await expectEmpty { _ = try await LedgerReader.open(at: "") }
            await expectEmpty { _ = try Verifier.verify(at: "") }
            await expectEmpty { _ = try Ledger.rebuild(at: "") }
            await expectEmpty { _ = try Ledger.restore(from: "", to: path + "-new") }
            await expectEmpty { _ = try Ledger.restore(from: path, to: "") }
            await expectEmpty { _ = try LedgerImport(to: "", fingerprint: .empty) }
            let reader = try await LedgerReader.open(at: path)
            await expectEmpty { try reader.backup(to: "") }
            reader.close()
        }
    }

    @Test("Whatever a creation left of its log, the next one takes it up")
    func logs() async throws {
        try await withLedgerPath { path in
            let files = try DataFiles(in: path + "-files")
            for data in files.states {
                try leave(data, at: path)
                try checkTakenUp(at: path, "\(data)")
            }
        }
    }

    @Test("Whatever a creation left of the files beside the log, the next one takes it up")
    func besides() async throws {
        try await withLedgerPath { path in
            let files = try DataFiles(in: path + "-files")
            try await Ledger.open(at: path).close()
            // LMDB's lock file, of a version before this one: nobody looks at it.
            let lock = [UInt8](repeating: 0x5A, count: 65536)
            let writer = try FileSystem.readFile(path + "/writer")
            let logs: [Left] = [
                .absent, .bytes([], "empty"), .bytes(files.made, "new"),
                .bytes(files.both, "both tables"),
            ]
            let locks =
                [.absent] + Left.prefixes(of: lock, lengths: [0, 100, 4096, 65536], "the lock")
            let writers =
                [.absent] + Left.prefixes(of: writer, lengths: [0, 8, 39, 40], "the writer file")
            for log in logs {
                for lock in locks {
                    try leave(log, lock: lock, at: path)
                    try checkTakenUp(at: path, "\(log), \(lock)")
                }
                for writer in writers {
                    try leave(log, writer: writer, at: path)
                    try checkTakenUp(at: path, "\(log), \(writer)")
                }
            }
        }
    }

    @Test("Keys and secrets that a creation left are used or replaced, and none stays beside")
    func keys() async throws {
        try await withLedgerPath { path in
            let files = try DataFiles(in: path + "-files")
            let key = try SigningKey.generate(name: "ledger.example/house")
            for (name, bytes) in [
                ("key.next", Array(key.fileText.utf8)), ("key.next.tmp-1f", [1, 2, 3]),
                ("key.tmp-1f", []), ("secret", [UInt8](repeating: 7, count: 32)),
                ("secret.tmp-1f", [7]), ("checkpoint.tmp-1f", []),
            ] {
                try leave(.bytes(files.both, "both tables"), at: path)
                try FileSystem.writeFileAtomically("\(path)/\(name)", bytes)
                try checkTakenUp(at: path, "\(name)")
                let names = try FileSystem.listDirectory(path)
                #expect(!names.contains { $0.contains(".tmp-") || $0 == "key.next" }, "\(name)")
            }
        }
    }

    @Test("A log that was more than begun, or that is none, is never made anew")
    func others() async throws {
        try await withLedgerPath { path in
            let files = try DataFiles(in: path + "-files")
            let page = files.made.count / 2
            try await Ledger.open(at: path).close()
            let whole = try FileSystem.readFile(path + "/log/data.mdb")
            let signed = try FileSystem.readFile(path + "/checkpoint")
            let zeros = [UInt8](repeating: 0, count: page)
            let cases: [(data: [UInt8], besides: String?, name: String)] = [
                (zeros + zeros + whole[(2 * page)...], nil, "a log without its meta pages"),
                (zeros + whole[page...].prefix(2 * page), nil, "a log with one of a commit"),
                (Array("a letter to the house".utf8), nil, "a letter"),
                (Array(files.made.prefix(100)), "checkpoint", "a log that was signed"),
                (Array(files.made.prefix(100)), "key", "a log that has a key"),
            ]
            for (data, besides, name) in cases {
                try leave(.bytes(data, name), at: path)
                if let besides { try FileSystem.writeFileAtomically("\(path)/\(besides)", signed) }
                #expect(throws: LedgerError(.damaged, ""), "\(name)") {
                    try Ledger.openAndWait(at: path).closeAndWait()
                }
                #expect(try FileSystem.readFile(path + "/log/data.mdb") == data, "\(name)")
            }
        }
    }
}
