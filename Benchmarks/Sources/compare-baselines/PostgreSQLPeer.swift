// PostgreSQL over libpq: blocking connections, one a client, statements prepared, and its own
// defaults for durability (fsync and synchronous_commit on), which are looked at before a run.

import BidPlan
import CPostgreSQL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A database with the plan's wallets and lots.
struct PostgreSQLPeer {
    private let connection: String
    private let plan: BidPlan

    /// Overwrites the database.
    init(connection: String, plan: BidPlan) throws {
        self.connection = connection
        self.plan = plan
        let session = try Session(connection)
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let value = try session.run("SHOW \(setting)")
            guard value == [["on"]] else { throw Failure("\(setting) must be on, not \(value)") }
        }
        for sql in [
            PostgreSQLSchema.tables, PostgreSQLSchema.rows(plan), PostgreSQLSchema.placeBid,
            PostgreSQLSchema.foldBids, "VACUUM ANALYZE", "CHECKPOINT",
        ] { try session.run(sql) }
    }

    /// The statement sequence of a row-locking back end, a round trip each.
    func runStatements(_ load: Load) throws -> Tally {
        try run(load) { session in
            let bidding = try Bidding(session)
            return { bid in
                try bidding.place(auction: Int64(bid.auction) + 1, bidder: Int64(bid.bidder) + 1)
            }
        }
    }

    /// The same as one call of a PL/pgSQL function, which is its own transaction.
    func runFunction(_ load: Load) throws -> Tally {
        try run(load) { session in
            try session.prepare("place", "SELECT place_bid($1, $2)")
            return { bid in
                try session.execute("place", ["\(bid.auction + 1)", "\(bid.bidder + 1)"])
            }
        }
    }

    private func run(
        _ load: Load,
        _ prepare: @escaping @Sendable (Session) throws -> (PlannedBid) throws -> Void
    ) throws -> Tally {
        let (connection, plan) = (connection, plan)
        // All are connected before the clock starts.
        let sessions = try (0..<load.clients).map { _ in Handover(try Session(connection)) }
        let window = Window(seconds: load.seconds)
        let tally = try withClientThreads(load.clients) { client in
            let place = try prepare(sessions[client].session)
            var lane = BidLane(plan, lane: client, of: load.clients)
            var tally = Tally()
            while !window.isOver {
                let start = nanoseconds()
                try place(lane.next())
                tally.answer(1, sentAt: start, in: window)
            }
            return tally
        }
        try checkBooks(tally)
        return tally
    }

    /// One writer who hands whole batches to a function that works in sets.
    func runFold(_ load: Load) throws -> Tally {
        let session = try Session(connection)
        try session.prepare("fold", "SELECT fold_bids($1, $2, $3)")
        var lane = BidLane(plan, lane: 0, of: 1)
        var prices = [Int64](repeating: 0, count: plan.auctions)
        var tally = Tally()
        let window = Window(seconds: load.seconds)
        while !window.isOver {
            let start = nanoseconds()
            var (auctions, bidders, amounts): ([Int64], [Int64], [Int64]) = ([], [], [])
            for _ in 0..<load.batch {
                let bid = lane.next()
                prices[bid.auction] += 1
                auctions.append(Int64(bid.auction) + 1)
                bidders.append(Int64(bid.bidder) + 1)
                amounts.append(prices[bid.auction])
            }
            try session.execute("fold", [auctions, bidders, amounts].map(Self.array))
            tally.answer(load.batch, sentAt: start, in: window)
        }
        try checkBooks(tally)
        return tally
    }

    /// PostgreSQL's text of an array.
    private static func array(_ numbers: [Int64]) -> String {
        "{" + numbers.map(String.init).joined(separator: ",") + "}"
    }

    private func checkBooks(_ tally: Tally) throws {
        let session = try Session(connection)
        let books = try BooksSQL.books { sql in
            let rows = try session.run(sql)
            guard let text = rows.first?.first, let number = text.flatMap(Int64.init) else {
                throw Failure("PostgreSQL gave no number for \(sql)")
            }
            return number
        }
        try expectBooks(books, plan, tally)
    }
}

/// The statements of a bid.
private struct Bidding {
    private let session: Session

    init(_ session: Session) throws {
        self.session = session
        for (name, sql) in [
            ("begin", "BEGIN"), ("commit", "COMMIT"),
            (
                "auction",
                "SELECT current_price, highest_bidder_id, seller_id, status FROM auctions "
                    + "WHERE id = $1 FOR UPDATE"
            ),
            (
                "wallets",
                "SELECT user_id, balance FROM wallets WHERE user_id IN ($1, $2) "
                    + "ORDER BY id FOR UPDATE"
            ),
            (
                "move",
                "UPDATE wallets SET balance = balance - $1, locked_balance = locked_balance + $1 "
                    + "WHERE user_id = $2"
            ),
            (
                "lead",
                "UPDATE auctions SET current_price = $1, highest_bidder_id = $2 WHERE id = $3"
            ),
            (
                "record",
                "INSERT INTO bids (auction_id, bidder_id, amount) VALUES ($1, $2, $3) RETURNING id"
            ),
        ] { try session.prepare(name, sql) }
    }

    func place(auction: Int64, bidder: Int64) throws {
        try session.execute("begin")
        let lot = try session.execute("auction", ["\(auction)"])
        guard let lot = lot.first, let price = lot[0].flatMap(Int64.init) else {
            throw Failure("PostgreSQL has no auction \(auction)")
        }
        let leader = lot[1]
        guard lot[3] == "open", leader != "\(bidder)", lot[2] != "\(bidder)" else {
            throw Failure("a planned bid by \(bidder) on \(auction) breaks a rule")
        }
        let wallets = try session.execute("wallets", ["\(bidder)", leader ?? "\(bidder)"])
        let balance = wallets.first { $0[0] == "\(bidder)" }?[1].flatMap(Int64.init)
        guard let balance, balance > price else {
            throw Failure("the wallet of \(bidder) cannot cover \(price + 1)")
        }
        try session.execute("move", ["\(price + 1)", "\(bidder)"])
        if let leader { try session.execute("move", ["\(-price)", leader]) }
        try session.execute("lead", ["\(price + 1)", "\(bidder)", "\(auction)"])
        try session.execute("record", ["\(auction)", "\(bidder)", "\(price + 1)"])
        try session.execute("commit")
    }
}

/// A session on its way to the one thread that will use it.
// Sendable without a check: made on the main thread, used afterwards by one client's thread only.
private struct Handover: @unchecked Sendable {
    let session: Session
    init(_ session: Session) { self.session = session }
}

/// A connection, used by one thread at a time.
private final class Session {
    typealias Row = [String?]
    private let handle: OpaquePointer

    init(_ connection: String) throws {
        guard let handle = PQconnectdb(connection) else { throw Failure("libpq has no memory") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else { throw failure("connecting") }
        // Notices of dropped tables are of no interest.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
    }

    deinit { PQfinish(handle) }

    /// Runs statements without parameters.
    /// - Returns: the rows of the last one.
    @discardableResult
    func run(_ sql: String) throws -> [Row] { try rows(of: PQexec(handle, sql), sql) }

    func prepare(_ name: String, _ sql: String) throws {
        _ = try rows(of: PQprepare(handle, name, sql, 0, nil), sql)
    }

    /// Runs a prepared statement.
    @discardableResult
    func execute(_ name: String, _ parameters: [String] = []) throws -> [Row] {
        let texts = parameters.map { UnsafePointer(strdup($0)) }
        defer { for text in texts { free(UnsafeMutablePointer(mutating: text)) } }
        let result = PQexecPrepared(handle, name, Int32(texts.count), texts, nil, nil, 0)
        return try rows(of: result, name)
    }

    private func rows(of result: OpaquePointer?, _ what: String) throws -> [Row] {
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK: return []
        case PGRES_TUPLES_OK:
            return (0..<PQntuples(result)).map { row in
                (0..<PQnfields(result)).map { column in
                    PQgetisnull(result, row, column) == 1
                        ? nil : String(cString: PQgetvalue(result, row, column))
                }
            }
        default: throw failure(what)
        }
    }

    private func failure(_ what: String) -> Failure {
        let message = String(cString: PQerrorMessage(handle)).split(separator: "\n")
        return Failure("PostgreSQL: \(message.joined(separator: " ")), in \(what)")
    }
}
