// The service's own file, damaged: an error that names the page, before LMDB sees it.

import Foundation
import Gavel
import LMDB
import Logging
import Platform
import Testing

@testable import GavelHTTP

@Suite("A damaged file of accounts")
struct AccountsFileTests {
    @Test("Whatever byte of a page's head or nodes is changed, opening says so and never ends")
    func damage() async throws {
        let folder = try FileSystem.temporaryDirectory("gavel-http-")
        defer { try? FileSystem.remove(folder) }
        try FileSystem.createDirectory(folder + "/accounts")
        let path = folder + "/accounts/data.mdb"
        do {
            let store = try ServiceStore(ledger: folder)
            let table = try store.environment.bytesTable(named: "profiles", create: true)
            for round in 0..<20 {
                try await store.write { transaction in
                    for number in 0..<40 {
                        let key = "user-\(round * 7 % 20)-\(number)"
                        let count = number == 0 ? 6000 : 100
                        try transaction.put(
                            bytes: [UInt8](repeating: 7, count: count), in: table, at: key)
                    }
                }
            }
            store.close()
        }
        let whole = try FileSystem.readFile(path)
        let size = Int(sysconf(Int32(_SC_PAGESIZE)))
        var refused = 0
        for page in 0..<whole.count / size {
            for place in [0, 10, 12, 19] {
                var bytes = whole
                bytes[page * size + place] ^= 0x81
                try FileSystem.writeFileAtomically(path, bytes)
                do {
                    let store = try ServiceStore(ledger: folder)
                    _ = try store.environment.bytesTable(named: "profiles", create: true)
                    store.close()
                } catch {
                    refused += 1
                    let error = LedgerError(error, while: "opening \(folder)/accounts")
                    #expect(error.code == .damaged, "\(error)")
                    #expect(error.reason.contains("page"), "\(error)")
                }
            }
        }
        #expect(refused > whole.count / size)
        try FileSystem.writeFileAtomically(path, whole)
        try ServiceStore(ledger: folder).close()
    }

    @Test(
        "A hash whose parameters somebody has changed is an error with account and value",
        arguments: [
            (#""costLog2":4"#, #""costLog2":63"#, "the cost, as a power of two, of"),
            (#""costLog2":4"#, #""costLog2":-1"#, "the cost, as a power of two, of"),
            (#""costLog2":4"#, #""costLog2":21"#, "the cost, as a power of two, of"),
            (#""blockSize":8"#, #""blockSize":33"#, "the block size of"),
            (#""blockSize":8"#, #""blockSize":0"#, "the block size of"),
            (#""parallelism":3"#, #""parallelism":17"#, "the parallelism of"),
        ])
    func changedParameters(_ old: String, _ new: String, _ what: String) async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let accounts = test.service.accounts
            let name = try Username("ada")
            let user = try #require(try accounts.account(named: name)).user
            let table = accounts.accounts
            try await accounts.store.write { transaction in
                let row = try #require(try transaction.text(in: table, at: user))
                try #require(row.contains(old))
                try transaction.put(
                    bytes: Array(row.replacing(old, with: new).utf8), in: table, at: user)
            }
            let value = try #require(new.split(separator: ":").last)
            for read in [
                { _ = try accounts.account(named: name) }, { _ = try accounts.allAccounts() },
            ] {
                do {
                    try read()
                    Issue.record("\(new) was taken")
                } catch let error as LedgerError {
                    #expect(error.code == .damaged)
                    #expect(error.reason.contains("the account \(user): \(what)"), "\(error)")
                    #expect(error.reason.contains(" is \(value), and must be from "), "\(error)")
                }
            }
            let answer = try await test.call(
                "POST", "/tokens", #"{"username":"ada","password":"\#(UsersTests.password)"}"#)
            #expect(answer.status == 500, "\(answer.text)")
        }
    }

    @Test("A service on such a ledger does not start, and says which file it is")
    func service() async throws {
        let folder = try FileSystem.temporaryDirectory("gavel-http-")
        defer { try? FileSystem.remove(folder) }
        let path = folder + "/house"
        let ledger = try await Ledger.open(at: path)
        defer { ledger.closeNow() }
        let store = try ServiceStore(ledger: path)
        try await store.write { _ in }
        store.close()
        let file = path + "/accounts/data.mdb"
        var bytes = try FileSystem.readFile(file)
        let size = Int(sysconf(Int32(_SC_PAGESIZE)))
        for page in 2..<bytes.count / size { bytes[page * size + 10] = 0xFF }
        try FileSystem.writeFileAtomically(file, bytes)
        do {
            _ = try await AuctionService.open(
                ledger: ledger, at: path, options: ServiceOptions(), logger: .init(label: "test"))
            Issue.record("the service opened")
        } catch let error as LedgerError {
            #expect(error.code == .damaged && error.reason.contains("accounts/data.mdb: page"))
        }
    }
}
