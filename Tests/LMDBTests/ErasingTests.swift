// Overwriting what a file still holds of entries that are gone.

import Foundation
import LMDB
import Platform
import Testing

@Suite("Erasing")
struct ErasingTests {
    private func has(_ text: String, _ directory: String) throws -> Bool {
        let data = try Data(contentsOf: URL(filePath: directory + "/data.mdb"))
        return data.range(of: Data(text.utf8)) != nil
    }

    @Test("What was removed or replaced is in the file until it is erased, and then nowhere")
    func erasing() throws {
        let directory = try FileSystem.temporaryDirectory("gavel-erasing")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let environment = try Environment(at: directory)
        let table = try environment.bytesTable(named: "rows", create: true)
        let sizes = [20, 700, 3000, 9000, 70_000]
        for round in 0..<3 {
            try environment.write { transaction in
                for index in 0..<90 {
                    let kept = index % 3 == 0 ? "kept" : "secret"
                    let text = "\(kept)-\(round)-\(index)-"
                    let value = String(repeating: text, count: sizes[index % 5] / text.count)
                    try withBytes(of: Array(value.utf8)) {
                        try transaction.put(table, key: Array("row-\(index)".utf8), value: $0)
                    }
                }
            }
        }
        try environment.write { transaction in
            for index in 0..<90 where index % 3 != 0 {
                try transaction.delete(table, key: Array("row-\(index)".utf8))
            }
        }
        #expect(try has("secret-", directory))
        #expect(try has("kept-0", directory))
        try environment.eraseUnused()
        #expect(try !has("secret-", directory))
        #expect(try !has("kept-0", directory))
        #expect(try !has("kept-1", directory))
        #expect(try has("kept-2", directory))
        try environment.read { transaction in
            var count = 0
            try transaction.forEach(in: table) { _, value in
                count += 1
                return value.array().starts(with: Array("kept-2".utf8))
            }
            #expect(count == 30)
        }
        #expect(try DataFileWalk.check(path: directory + "/data.mdb").isSound)
        // The file goes on.
        try environment.write { transaction in
            for index in 0..<90 {
                try withBytes(of: [UInt8](repeating: 1, count: 5000)) {
                    try transaction.put(table, key: Array("row-\(index)".utf8), value: $0)
                }
            }
        }
        environment.close()
        let report = try DataFileWalk.check(path: directory + "/data.mdb")
        #expect(report.isSound && report.tables.first?.entries == 90)
    }

    @Test("A read that may still show what is gone keeps the file as it is")
    func olderRead() throws {
        let directory = try FileSystem.temporaryDirectory("gavel-erasing")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let environment = try Environment(at: directory)
        let table = try environment.bytesTable(named: "rows", create: true)
        try environment.write { transaction in
            try withBytes(of: Array("a secret".utf8)) {
                try transaction.put(table, key: [1], value: $0)
            }
        }
        try environment.read { transaction in
            try environment.write { _ = try $0.delete(table, key: [1]) }
            #expect(throws: LMDBError.self) { try environment.eraseUnused() }
            let seen = try transaction.withValue(table, at: [1]) { $0.array() }
            #expect(seen == Array("a secret".utf8))
        }
        try environment.eraseUnused()
        #expect(try !has("a secret", directory))
        environment.close()
        #expect(throws: LMDBError.self) { try environment.eraseUnused() }
    }
}
