// SQLite in the same process, durable: WAL with synchronous = FULL, one flush a commit.

import BidPlan
import CSQLite

/// A database with the tables of a row-locking back end, and the plan's wallets and lots.
struct SQLitePeer {
    private let database: Database
    private let plan: BidPlan

    private static let schema = """
        PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
        CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE);
        CREATE TABLE wallets (
            id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL UNIQUE REFERENCES users (id),
            balance INTEGER NOT NULL CHECK (balance >= 0),
            locked_balance INTEGER NOT NULL CHECK (locked_balance >= 0));
        CREATE TABLE auctions (
            id INTEGER PRIMARY KEY, title TEXT NOT NULL,
            seller_id INTEGER NOT NULL REFERENCES users (id),
            current_price INTEGER NOT NULL, highest_bidder_id INTEGER REFERENCES users (id),
            status TEXT NOT NULL);
        CREATE INDEX auctions_seller ON auctions (seller_id);
        CREATE INDEX auctions_bidder ON auctions (highest_bidder_id);
        CREATE TABLE bids (
            id INTEGER PRIMARY KEY, auction_id INTEGER NOT NULL REFERENCES auctions (id),
            bidder_id INTEGER NOT NULL REFERENCES users (id), amount INTEGER NOT NULL,
            created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
        CREATE INDEX bids_auction ON bids (auction_id);
        CREATE INDEX bids_bidder ON bids (bidder_id);
        """

    init(folder: String, plan: BidPlan) throws {
        self.plan = plan
        database = try Database(path: folder + "/bids.sqlite3")
        try database.run(Self.schema)
        // Users count from 1; the seller comes after the last bidder.
        try database.run(
            """
            BEGIN;
            WITH RECURSIVE n (i) AS (
                    SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= \(plan.users))
                INSERT INTO users (id, username) SELECT i, 'user-' || i FROM n;
            INSERT INTO wallets (user_id, balance, locked_balance)
                SELECT id, \(BidPlan.fundsMinorUnits), 0 FROM users WHERE id <= \(plan.users);
            WITH RECURSIVE n (i) AS (
                    SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(plan.auctions))
                INSERT INTO auctions (id, title, seller_id, current_price, status)
                SELECT i, 'lot-' || i, \(plan.users + 1), 0, 'open' FROM n;
            COMMIT; PRAGMA wal_checkpoint(TRUNCATE);
            """)
    }

    /// One writer, some bids a commit.
    func run(_ load: Load) throws -> Tally {
        let bidding = try Bidding(database)
        var lane = BidLane(plan, lane: 0, of: 1)
        var tally = Tally()
        let window = Window(seconds: load.seconds)
        while !window.isOver {
            let start = nanoseconds()
            try bidding.begin.run()
            for _ in 0..<load.batch {
                let bid = lane.next()
                try bidding.place(auction: Int64(bid.auction) + 1, bidder: Int64(bid.bidder) + 1)
            }
            try bidding.commit.run()
            tally.answer(load.batch, sentAt: start, in: window)
        }
        try expectBooks(try BooksSQL.books(database.number), plan, tally)
        return tally
    }
}

/// The statements of a bid, prepared once.
private struct Bidding {
    let begin: Statement
    let commit: Statement
    private let auction: Statement
    private let lock: Statement
    private let refund: Statement
    private let lead: Statement
    private let record: Statement

    init(_ database: Database) throws {
        begin = try database.prepare("BEGIN IMMEDIATE")
        commit = try database.prepare("COMMIT")
        auction = try database.prepare(
            "SELECT current_price, coalesce(highest_bidder_id, 0), seller_id, status = 'open' "
                + "FROM auctions WHERE id = ?1")
        lock = try database.prepare(
            "UPDATE wallets SET balance = balance - ?1, locked_balance = locked_balance + ?1 "
                + "WHERE user_id = ?2 AND balance >= ?1")
        refund = try database.prepare(
            "UPDATE wallets SET balance = balance + ?1, locked_balance = locked_balance - ?1 "
                + "WHERE user_id = ?2")
        lead = try database.prepare(
            "UPDATE auctions SET current_price = ?1, highest_bidder_id = ?2 WHERE id = ?3")
        record = try database.prepare(
            "INSERT INTO bids (auction_id, bidder_id, amount) VALUES (?1, ?2, ?3)")
    }

    func place(auction id: Int64, bidder: Int64) throws {
        let row = try auction.row(id)
        guard row.count == 4 else { throw Failure("SQLite has no auction \(id)") }
        let (price, leader) = (row[0], row[1])
        guard row[3] == 1, bidder != leader, bidder != row[2] else {
            throw Failure("a planned bid by \(bidder) on \(id) breaks a rule")
        }
        guard try lock.run(price + 1, bidder) == 1 else {
            throw Failure("the wallet of \(bidder) cannot cover \(price + 1)")
        }
        if leader != 0 { try refund.run(price, leader) }
        try lead.run(price + 1, bidder, id)
        try record.run(id, bidder, price + 1)
    }
}

/// A connection, used by one thread.
private final class Database {
    fileprivate let handle: OpaquePointer

    init(path: String) throws {
        var opened: OpaquePointer?
        let result = sqlite3_open(path, &opened)
        guard result == SQLITE_OK, let opened else {
            throw Failure("SQLite cannot open \(path): code \(result)")
        }
        handle = opened
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs statements that give nothing.
    func run(_ sql: String) throws {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure(sql) }
    }

    func prepare(_ sql: String) throws -> Statement { try Statement(self, sql) }

    /// The one number a query gives.
    func number(_ sql: String) throws -> Int64 {
        let row = try prepare(sql).row()
        guard row.count == 1 else { throw Failure("SQLite gave no number for \(sql)") }
        return row[0]
    }

    func failure(_ sql: String) -> Failure {
        Failure("SQLite: \(String(cString: sqlite3_errmsg(handle))), in \(sql)")
    }
}

/// A prepared statement with integer parameters.
private final class Statement {
    private let database: Database
    private let handle: OpaquePointer
    private let sql: String

    init(_ database: Database, _ sql: String) throws {
        var prepared: OpaquePointer?
        guard sqlite3_prepare_v2(database.handle, sql, -1, &prepared, nil) == SQLITE_OK,
            let prepared
        else { throw database.failure(sql) }
        self.database = database
        self.sql = sql
        handle = prepared
    }

    deinit { sqlite3_finalize(handle) }

    /// Runs a statement that gives no row.
    /// - Returns: how many rows it changed, where it changes any.
    @discardableResult
    func run(_ values: Int64...) throws -> Int {
        defer { sqlite3_reset(handle) }
        bind(values)
        guard sqlite3_step(handle) == SQLITE_DONE else { throw database.failure(sql) }
        return Int(sqlite3_changes(database.handle))
    }

    /// The first row; empty where there is none.
    func row(_ values: Int64...) throws -> [Int64] {
        defer { sqlite3_reset(handle) }
        bind(values)
        switch sqlite3_step(handle) {
        case SQLITE_ROW:
            return (0..<sqlite3_column_count(handle)).map { sqlite3_column_int64(handle, $0) }
        case SQLITE_DONE: return []
        default: throw database.failure(sql)
        }
    }

    private func bind(_ values: [Int64]) {
        for (index, value) in values.enumerated() {
            sqlite3_bind_int64(handle, Int32(index + 1), value)
        }
    }
}
