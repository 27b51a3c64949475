// What sellers say of their lots, beside the log: a description and a category for an auction.
//
// Two tables: `lots` has a row for every auction opened here, `categories` the category alone, so
// that lists need not read descriptions. Categories are kept in memory as well, as the ledger
// keeps every auction's record: a list asks for fifty of them thousands of times a second.
//
// Invariants: a row is written after the auction was opened, once, by the command that opened it;
// a row does not change after the ledger has shown an accepted bid.

internal import AuctionDomain
internal import Crypto
internal import Foundation
internal import Gavel
internal import LMDB
internal import Platform
internal import Synchronization

/// What an auction's seller says of the lot.
struct LotRow: Codable, Hashable, Sendable {
    var description: String?
    var category: String?
    /// How many entries the ledger showed when this was written: it is what stood there for
    /// every bid at such a position or a later one.
    var describedAt: UInt64
    /// What the opening said, as a fingerprint: by it a repeated call is known.
    var opening: String
}

/// A lot's category: a word of the house's own choice.
struct LotCategory: Identifier {
    static var kind: String { "a category" }
    let string: String
    init(unchecked string: String) { self.string = string }
}

/// What a caller says of a lot; a member that is not given stays as it is.
struct LotWords: Sendable {
    var description: String??
    var category: String??

    static let descriptionBytesMax = 8192

    init() {}

    /// What tells one description from another.
    var fingerprint: String {
        var hash = SHA256()
        for part in [description ?? nil, category ?? nil] {
            hash.update(data: Array((part.map { "+\($0.utf8.count):\($0)" } ?? "-").utf8))
        }
        return Array(hash.finalize()).prefix(16).hexadecimal
    }
}

/// The tables of lots.
final class LotTables: Sendable {
    fileprivate let rows: BytesTable
    fileprivate let categoryRows: BytesTable
    fileprivate let categories = Mutex<[AuctionID: String]>([:])

    init(_ environment: LMDB.Environment) throws {
        rows = try environment.bytesTable(named: "lots", create: true)
        categoryRows = try environment.bytesTable(named: "categories", create: true)
        var found: [AuctionID: String] = [:]
        try environment.read { transaction in
            try transaction.forEach(in: categoryRows) { key, value in
                let auction = AuctionID(unchecked: String(decoding: key.array(), as: UTF8.self))
                found[auction] = String(decoding: value.array(), as: UTF8.self)
                return true
            }
        }
        categories.withLock { $0 = found }
    }

    /// The categories of some auctions, in their order; nil for those without.
    func categories(of auctions: some Sequence<AuctionID>) -> [String?] {
        categories.withLock { categories in auctions.map { categories[$0] } }
    }
}

extension ServiceStore {
    /// What is said of a lot; nil where nothing ever was.
    func lot(_ auction: AuctionID) throws -> LotRow? {
        try read { try $0.row(LotRow.self, in: lots.rows, at: auction.string) }
    }

    /// Writes what an opening said of its lot. Repeating it changes nothing, and completes what a
    /// crash has cut off, as long as there is no bid that was made without it.
    /// - Throws: `Problem` with `command_id_reused` where the same command said something else
    ///   before.
    func describeOpened(
        _ auction: AuctionID, _ words: LotWords, isFrozen: @escaping @Sendable () -> Bool,
        describedAt: UInt64
    ) async throws {
        let lots = lots
        let isNew = try await write { transaction in
            if let row = try transaction.row(LotRow.self, in: lots.rows, at: auction.string) {
                guard row.opening == words.fingerprint else {
                    throw Problem(
                        .commandIDReused, "the first call described the lot in other words")
                }
                return false
            }
            guard !isFrozen() else { return false }
            let row = LotRow(
                description: words.description ?? nil, category: words.category ?? nil,
                describedAt: describedAt, opening: words.fingerprint)
            try transaction.put(row, of: auction, in: lots)
            return true
        }
        if isNew { try refreshCategory(of: auction) }
    }

    /// Changes what is said of a lot.
    /// - Parameter check: throws where that may not be, asked last before the row is written.
    func describe(
        _ auction: AuctionID, _ words: LotWords,
        check: @escaping @Sendable () throws -> UInt64
    ) async throws {
        let lots = lots
        try await write { transaction in
            var row =
                try transaction.row(LotRow.self, in: lots.rows, at: auction.string)
                ?? LotRow(describedAt: 0, opening: LotWords().fingerprint)
            if let description = words.description { row.description = description }
            if let category = words.category { row.category = category }
            row.describedAt = try check()
            try transaction.put(row, of: auction, in: lots)
        }
        try refreshCategory(of: auction)
    }

    /// Takes the category that is durable now: of two changes whichever was written last.
    private func refreshCategory(of auction: AuctionID) throws {
        try lots.categories.withLock { categories in
            categories[auction] = try read { transaction in
                try transaction.withValue(lots.categoryRows, at: Array(auction.string.utf8)) {
                    String(decoding: $0.array(), as: UTF8.self)
                }
            }
        }
    }
}

extension WriteTransaction {
    fileprivate func put(_ row: LotRow, of auction: AuctionID, in lots: LotTables) throws {
        try put(row, in: lots.rows, at: auction.string)
        if let category = row.category {
            try put(bytes: Array(category.utf8), in: lots.categoryRows, at: auction.string)
        } else {
            _ = try delete(lots.categoryRows, key: Array(auction.string.utf8))
        }
    }
}
