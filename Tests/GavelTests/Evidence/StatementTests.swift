// Signed statements: whom they are for, what they tell, and that nothing else passes for one.

import AuctionDomain
import GavelJSON
import GavelTesting
import Platform
import Testing

@testable import Gavel

/// A ledger in which alice outbids carol on bob's lot and wins it, with fees and a reserve; its
/// head signed.
private struct Sale {
    let bench: Bench
    let checkpoint: SignedCheckpoint
    let key: SigningKey
    /// What each hides from the others.
    static let carolsMaximum: Money = 33_333
    static let alicesMaximum: Money = 77_777
    static let reserve: Money = 20_202

    init() async throws {
        bench = try Bench()
        try await bench.prepare(money: 1_000_000)
        try await bench.accept(.registerUser("dave"))
        var rules = AuctionRules(proxy: true, reservePrice: Self.reserve)
        rules.fees.seller = Fee(basisPoints: 1000)
        rules.fees.buyer = Fee(basisPoints: 500)
        try await bench.accept(
            .openAuction(
                OpenAuction(
                    auction: "lot-1", title: "A clock", seller: "bob", currency: "USD",
                    rules: rules)))
        _ = try await bench.bid("carol", Self.carolsMaximum)
        _ = try await bench.bid("alice", Self.alicesMaximum)
        _ = try await bench.bid("carol", 1)
        try await bench.accept(.closeAuction("lot-1", hammer: true))
        await bench.ledger.close()
        key = try Sample.key()
        let size = try bench.log.entryCount
        checkpoint = try Checkpoint(
            origin: key.verifier.name, size: size,
            root: LogTree(of: bench.log, size: size).root(ofSize: size)
        ).signed(by: key)
    }

    var size: UInt64 { checkpoint.checkpoint.size }

    func entry(_ position: UInt64) throws -> LedgerEntry {
        try #require(try bench.log.entry(at: position)?.entry)
    }

    func position(where condition: (LedgerEntry) -> Bool) throws -> UInt64 {
        for position in 0..<size where condition(try entry(position)) { return position }
        throw LogFault("there is no such entry")
    }

    /// Alice's bid, which refunds carol.
    func takeOver() throws -> UInt64 {
        try position { entry in
            entry.outcome.events.contains {
                if case .refunded(_, _, _, .outbid) = $0 { true } else { false }
            }
        }
    }

    func closing() throws -> UInt64 {
        try position { entry in
            entry.outcome.events.contains {
                if case .auctionClosed = $0 { true } else { false }
            }
        }
    }

    func view(_ position: UInt64, _ viewer: UserID) throws -> EntryView? {
        EntryView(of: try entry(position), for: viewer, names: bench.ledger.reading)
    }

    /// A checkpoint over the first entries.
    func checkpoint(over size: UInt64) throws -> SignedCheckpoint {
        try Checkpoint(
            origin: key.verifier.name, size: size,
            root: LogTree(of: bench.log, size: bench.log.entryCount).root(ofSize: size)
        ).signed(by: key)
    }

    /// A statement as the ledger makes it.
    func statement(
        _ position: UInt64, _ viewer: UserID, view: [UInt8]? = nil, showsEntry: Bool = false,
        under head: SignedCheckpoint? = nil
    ) throws -> StatementFile {
        let checkpoint = head ?? checkpoint
        let tree = LogTree(of: bench.log, size: size)
        let proof = ProofFile(
            extra: try bench.log.entryBytes(in: position..<position + 1)[0],
            proof: try InclusionProof.make(
                index: position, size: checkpoint.checkpoint.size, in: tree),
            checkpoint: checkpoint)
        return try StatementFile.make(
            proof, for: viewer, view: view ?? #require(try self.view(position, viewer)).json,
            showsEntry: showsEntry
        ) { try $0.signed(by: key) }
    }
}

extension EntryView {
    fileprivate var text: String { String(decoding: json, as: UTF8.self) }
    fileprivate func fact(_ kind: EntryFact.Kind) -> EntryFact? {
        facts.first { $0.kind == kind }
    }
}

@Suite("Signed statements")
struct StatementTests {
    private let keys: [VerifierKey]

    init() throws { keys = [try VerifierKey(Sample.vkey)] }

    @Test("A bid tells the bidder her maximum and lock, the outbid his refund, others nothing")
    func bid() async throws {
        let sale = try await Sale()
        let position = try sale.takeOver()
        let alice = try #require(try sale.view(position, "alice"))
        #expect(alice.fact(.placeBid)?.amount == Sale.alicesMaximum)
        #expect(alice.fact(.leadTaken)?.amount == Sale.alicesMaximum)
        #expect(alice.fact(.locked)?.amount != nil && alice.fact(.refunded) == nil)
        let carol = try #require(try sale.view(position, "carol"))
        #expect(carol.fact(.leadTaken)?.user == "alice" && carol.fact(.leadTaken)?.amount == nil)
        #expect(carol.fact(.refunded)?.reason == "outbid")
        #expect(carol.fact(.locked) == nil)
        #expect(try sale.view(position, "bob") == nil)
        #expect(try sale.view(position, "dave") == nil)
    }

    @Test("A closing tells the winner what she paid, the seller what he got, others the outcome")
    func closing() async throws {
        let sale = try await Sale()
        let position = try sale.closing()
        let price = try #require(
            try sale.view(position, "dave")?.fact(.auctionClosed)?.price)
        let winner = try #require(try sale.view(position, "alice")?.fact(.paid))
        #expect(winner.price == price)
        #expect(winner.premium?.minorUnits == price.minorUnits / 20)
        #expect(winner.amount?.minorUnits == price.minorUnits + price.minorUnits / 20)
        #expect(winner.fee == nil)
        #expect(try sale.view(position, "alice")?.fact(.refunded)?.reason == "change")
        let seller = try #require(try sale.view(position, "bob")?.fact(.received))
        #expect(seller.price == price && seller.premium == nil)
        #expect(seller.fee?.minorUnits == price.minorUnits / 10)
        #expect(seller.amount?.minorUnits == price.minorUnits - price.minorUnits / 10)
        for loser: UserID in ["carol", "dave"] {
            let view = try #require(try sale.view(position, loser))
            #expect(view.facts.map(\.kind) == [.auctionClosed])
        }
    }

    @Test("No view of any entry tells anybody what another hides")
    func secrets() async throws {
        let sale = try await Sale()
        // Every amount that an event gives one user alone: maxima, locks, holds, refunds.
        var secrets: [UserID: Set<Money>] = [:]
        for position in 0..<sale.size {
            for event in try sale.entry(position).outcome.events {
                let (user, amounts): (UserHandle, Set<Money>)
                switch event {
                case .locked(_, let holder, let amount, let held):
                    (user, amounts) = (holder, [amount, held])
                case .refunded(_, let holder, let amount, _): (user, amounts) = (holder, [amount])
                case .leadTaken(_, let bidder, let maximum, _):
                    (user, amounts) = (bidder, [maximum])
                case .settled(_, _, let seller, let amount, let fee):
                    (user, amounts) = (
                        seller, [fee, Money(minorUnits: amount.minorUnits - fee.minorUnits)]
                    )
                default: continue
                }
                secrets[sale.bench.ledger.reading.id(of: user), default: []].formUnion(amounts)
            }
        }
        #expect(secrets["alice"]?.contains(Sale.alicesMaximum) == true)
        #expect(secrets["carol"]?.contains(Sale.carolsMaximum) == true)
        var views = 0
        for position in 0..<sale.size {
            for viewer: UserID in ["alice", "bob", "carol", "dave"] {
                guard let text = try sale.view(position, viewer)?.text else { continue }
                views += 1
                for (owner, amounts) in secrets where owner != viewer {
                    for amount in amounts {
                        let number = ":\(amount.minorUnits)"
                        #expect(
                            !text.contains("\(number),") && !text.contains("\(number)}"),
                            "entry \(position) tells \(viewer) of \(owner): \(text)")
                    }
                }
                // Once met, the reserve is the price, and public as such.
                #expect(!text.contains("\"reserve\"") || viewer == "bob")
                let id = try sale.entry(position).commandID
                if let id { #expect(!text.contains(id.description)) }
            }
        }
        #expect(views >= 15)
    }

    @Test("Every view is read back as it was written")
    func roundTrip() async throws {
        let sale = try await Sale()
        var kinds: Set<EntryFact.Kind> = []
        for position in 0..<sale.size {
            for viewer: UserID in ["alice", "bob", "carol", "dave"] {
                guard let view = try sale.view(position, viewer) else { continue }
                let file = try StatementFile(parsing: sale.statement(position, viewer).bytes)
                #expect(try EntryView(file.check(by: keys)) == view)
                kinds.formUnion(view.facts.map(\.kind))
            }
        }
        #expect(kinds.count >= 12, "\(kinds)")
    }

    @Test("A statement is checked with nothing but the key, with the entry in it or without")
    func check() async throws {
        let sale = try await Sale()
        let position = try sale.takeOver()
        for showsEntry in [false, true] {
            let made = try sale.statement(position, "carol", showsEntry: showsEntry)
            let read = try StatementFile(parsing: made.bytes)
            #expect(read == made && read.bytes == made.bytes)
            let checked = try read.check(by: keys)
            #expect(checked.statement.viewer == "carol" && checked.checkpoint.size == sale.size)
            #expect((checked.entry != nil) == showsEntry)
            // Its proof is a whole proof file for others' tools.
            let proof = try ProofFile(parsing: made.proofFile.bytes)
            let entry = try sale.bench.log.entryBytes(in: position..<position + 1)[0]
            _ = try proof.verify(entry: entry, by: keys)
        }
        #expect(throws: EvidenceError(.notSigned, "")) {
            try sale.statement(position, "carol").check(
                by: [SigningKey.generate(name: "ledger.example/house").verifier])
        }
        #expect(throws: EvidenceError(.notSigned, "")) {
            try sale.statement(position, "carol").check(by: [Sample.witness().verifier])
        }
    }

    @Test("A statement with any one byte changed, or cut anywhere, is refused; nothing traps")
    func alteredBytes() async throws {
        let sale = try await Sale()
        let position = try sale.takeOver()
        var count = 0
        for (showsEntry, step) in [(false, 1), (true, 7)] {
            let bytes = try sale.statement(position, "carol", showsEntry: showsEntry).bytes
            for index in stride(from: 0, to: bytes.count, by: step) {
                var changed = bytes
                changed[index] ^= 1 << (index % 8)
                #expect(throws: EvidenceError.self, "byte \(index)") {
                    try StatementFile(parsing: changed).check(by: keys)
                }
                #expect(throws: EvidenceError.self) {
                    try StatementFile(parsing: Array(bytes[..<index])).check(by: keys)
                }
                count += 2
            }
        }
        #expect(count > 300)
    }

    @Test("Parts of two statements that are each true do not make a third")
    func exchangedParts() async throws {
        let sale = try await Sale()
        let files = try [
            sale.statement(sale.takeOver(), "carol"), sale.statement(sale.takeOver(), "alice"),
            sale.statement(sale.closing(), "carol"),
        ].map { String(decoding: $0.bytes, as: UTF8.self).components("\n\n") }
        // view, statement, its signature, proof, checkpoint, its signature
        #expect(files.allSatisfy { $0.count == 6 })
        for (one, other) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
            for part in 0..<4 where files[one][part] != files[other][part] {
                var mixed = files[one]
                mixed[part] = files[other][part]
                #expect(throws: EvidenceError.self, "\(one) \(other) \(part)") {
                    try StatementFile(parsing: Array(mixed.joined(separator: "\n\n").utf8))
                        .check(by: keys)
                }
            }
        }
    }

    @Test("A statement beside another checkpoint of the same ledger is refused, proven or not")
    func otherCheckpoint() async throws {
        let sale = try await Sale()
        let position = try sale.takeOver()
        let right = try sale.statement(position, "carol")
        let older = try sale.checkpoint(over: sale.size - 1)
        let other = try sale.statement(position, "carol", under: older)
        // Each holds, and so does the entry's place under the other's checkpoint.
        let files = try [right, other].map { file in
            _ = try file.check(by: keys)
            return String(decoding: file.bytes, as: UTF8.self).components("\n\n")
        }
        for (one, other) in [(0, 1), (1, 0)] {
            let mixed = (files[one][..<3] + files[other][3...]).joined(separator: "\n\n")
            #expect(throws: EvidenceError(.notProven, "")) {
                try StatementFile(parsing: Array(mixed.utf8)).check(by: keys)
            }
        }
    }

    @Test("No checkpoint passes for a statement, and no statement for a checkpoint")
    func domains() async throws {
        let sale = try await Sale()
        let file = try sale.statement(sale.takeOver(), "carol")
        #expect(throws: EvidenceError(.malformed, "")) {
            try EntryStatement(parsing: sale.checkpoint.note.text)
        }
        #expect(throws: EvidenceError(.malformed, "")) {
            try Checkpoint(parsing: file.statement.text)
        }
        // Also where somebody names a ledger like the first line.
        let named = try SigningKey.generate(name: "gavel.statement/v1")
        let checkpoint = try Checkpoint(
            origin: named.verifier.name, size: 5, root: sale.checkpoint.checkpoint.root
        ).signed(by: named)
        #expect(throws: EvidenceError(.malformed, "")) {
            try EntryStatement(parsing: checkpoint.note.text)
        }
        // A key signs nothing in another ledger's name.
        #expect(throws: EvidenceError(.signing, "")) { try file.statement.signed(by: named) }
    }

    @Test("A statement that a dishonest ledger signed is proven to be its own, and to be false")
    func falseStatement() async throws {
        let sale = try await Sale()
        let position = try sale.takeOver()
        let right = try #require(try sale.view(position, "carol"))
        let lie = right.text.replacing("\"amount\":", with: "\"amount\":9")
        #expect(lie != right.text)
        let checked = try sale.statement(position, "carol", view: Array(lie.utf8)).check(by: keys)
        let signed = try EntryView(checked)
        #expect(signed != right)
        // Of another entry, or for another viewer, than the statement's own lines say.
        let others = try [sale.view(position, "alice"), sale.view(sale.closing(), "carol")]
        for other in others {
            let view = try #require(other).json
            let mixed = try sale.statement(position, "carol", view: view).check(by: keys)
            #expect(throws: EvidenceError(.notProven, "")) { try EntryView(mixed) }
        }
        let nonsense = try sale.statement(position, "carol", view: Array("{}".utf8))
        #expect(throws: EvidenceError(.malformed, "")) { try EntryView(nonsense.check(by: keys)) }
    }

    @Test("Nothing is signed that a reader refuses, and nothing of an entry that was altered")
    func limits() async throws {
        let sale = try await Sale()
        let position = try sale.takeOver()
        let longest = [UInt8](repeating: 0x20, count: StatementFile.viewBytesMax)
        let file = try sale.statement(position, "carol", view: longest)
        _ = try StatementFile(parsing: file.bytes).check(by: keys)
        #expect(throws: EvidenceError(.malformed, "")) {
            try sale.statement(position, "carol", view: longest + [0x20])
        }
        #expect(throws: EvidenceError(.malformed, "")) {
            try sale.statement(position, "carol", view: Array("{\n}".utf8))
        }
        let tree = LogTree(of: sale.bench.log, size: sale.size)
        var bytes = try sale.bench.log.entryBytes(in: position..<position + 1)[0]
        bytes[40] ^= 1
        let proof = ProofFile(
            extra: bytes,
            proof: try InclusionProof.make(index: position, size: sale.size, in: tree),
            checkpoint: sale.checkpoint)
        #expect(throws: EvidenceError(.notProven, "")) {
            try StatementFile.make(proof, for: "carol", view: Array("{}".utf8), showsEntry: false) {
                try $0.signed(by: sale.key)
            }
        }
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
