// A read state written out whole, so that opening replays only what came after it.
//
// Layout in the projections environment: two tables take turns. A table holds chunks 1…n of about
// a mebibyte, each `u8 section, u32 records, records`, and at key 0, written last, the header.
// Records stand in the order of their handles. Invariants: a snapshot without a header, or with
// one that does not fit the log, is ignored: deleting all of them loses nothing.

internal import AuctionDomain
internal import Crypto
internal import LMDB
internal import Logging

/// What a snapshot is of.
struct SnapshotHeader: Hashable, Sendable {
    static let magic: UInt32 = 0x534C_5647
    /// Raised whenever a record's bytes change; older snapshots are then ignored.
    static let schema: UInt16 = 5

    var ledgerID: LedgerID
    /// How many entries are reflected: always the end of a frame.
    var entryCount: UInt64
    var tree: MerkleTree
    var digest: StateDigest
    var chunkCount: UInt64
    /// SHA-256 over the chunks' own hashes.
    var content: Digest

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Self.magic)
        buffer.append(Self.schema)
        buffer.append(ledgerID.high)
        buffer.append(ledgerID.low)
        buffer.append(entryCount)
        buffer.append(digest.value)
        buffer.append(chunkCount)
        buffer.append(content)
        buffer.append(UInt8(tree.edge.count))
        for hash in tree.edge { buffer.append(hash) }
    }

    /// - Throws: `LogFault` when the bytes are no header of this schema.
    init(_ bytes: RawSpan) throws(LogFault) {
        guard bytes.byteCount >= 79, bytes.load(UInt32.self, at: 0) == Self.magic,
            bytes.load(UInt16.self, at: 4) == Self.schema
        else { throw LogFault("the snapshot is none, or of another schema") }
        ledgerID = LedgerID(
            high: bytes.load(UInt64.self, at: 6), low: bytes.load(UInt64.self, at: 14))
        entryCount = bytes.load(UInt64.self, at: 22)
        digest = StateDigest(value: bytes.load(UInt64.self, at: 30))
        chunkCount = bytes.load(UInt64.self, at: 38)
        content = Digest(bytes, at: 46)
        let edgeCount = Int(bytes.load(UInt8.self, at: 78))
        guard bytes.byteCount == 79 + 32 * edgeCount else {
            throw LogFault("the snapshot's header is cut short")
        }
        var edge = ContiguousArray<Digest>()
        for index in 0..<edgeCount { edge.append(Digest(bytes, at: 79 + 32 * index)) }
        tree = try MerkleTree(size: entryCount, edge: edge)
    }

    init(
        ledgerID: LedgerID, entryCount: UInt64, tree: MerkleTree, digest: StateDigest,
        chunkCount: UInt64, content: Digest
    ) {
        self.ledgerID = ledgerID
        self.entryCount = entryCount
        self.tree = tree
        self.digest = digest
        self.chunkCount = chunkCount
        self.content = content
    }
}

private enum Section: UInt8 {
    case general = 1
    case currencies, users, accounts, terms, extras, auctions, references, bids
}

// MARK: - Writing

/// Encodes a read state into chunks.
private struct ChunkWriter: ~Copyable {
    static let chunkBytes = 1 << 20

    private var buffer = ByteBuffer(capacity: ChunkWriter.chunkBytes + 4096)
    private var section = Section.general
    private var count: UInt32 = 0
    private let emit: (RawSpan) throws -> Void

    init(emit: @escaping (RawSpan) throws -> Void) { self.emit = emit }

    /// Writes one record; chunks are cut between records.
    mutating func record(
        _ section: Section, _ encode: (inout ByteBuffer) -> Void
    ) throws {
        if section != self.section || buffer.count >= Self.chunkBytes { try flush() }
        if buffer.count == 0 {
            self.section = section
            buffer.append(section.rawValue)
            buffer.append(UInt32(0))
        }
        encode(&buffer)
        count += 1
    }

    mutating func flush() throws {
        guard buffer.count > 0 else { return }
        buffer.store(count, at: 1)
        try buffer.withBytes(emit)
        buffer.removeAll()
        count = 0
    }
}

extension ReadState {
    /// Lends the state in chunks to `emit`.
    func writeChunks(_ emit: @escaping (RawSpan) throws -> Void) throws {
        var writer = ChunkWriter(emit: emit)
        try writer.record(.general) { [state] buffer in
            buffer.append(state.time.nanoseconds)
            buffer.append(state.epoch)
            // No Ed25519 key is all zeros.
            buffer.append(state.signingKey ?? .zero)
            buffer.append(state.formerKey ?? .zero)
        }
        for record in state.currencies {
            try writer.record(.currencies) { buffer in
                buffer.append(record.currency.scale)
                buffer.appendName(record.currency.code.string)
                buffer.append(record.charged.minorUnits)
                buffer.append(record.withdrawn.minorUnits)
            }
        }
        for index in state.wallets.indices {
            let wallet = state.wallets[index]
            try writer.record(.users) { [state] buffer in
                buffer.appendName(state.userNames.name(index))
                buffer.append(wallet.lastPosition)
                buffer.append(wallet.currency.rawValue)
                buffer.append(wallet.next)
                buffer.append(wallet.available.minorUnits)
                buffer.append(wallet.locked.minorUnits)
            }
        }
        for index in state.furtherAccounts.indices {
            let account = state.furtherAccounts[index]
            try writer.record(.accounts) { buffer in
                buffer.append(account.available.minorUnits)
                buffer.append(account.locked.minorUnits)
                buffer.append(account.user.rawValue)
                buffer.append(account.next)
                buffer.append(account.currency.rawValue)
            }
        }
        for terms in state.terms {
            try writer.record(.terms) { buffer in buffer.appendRules(terms.asRules) }
        }
        for index in state.extras.indices {
            let extras = state.extras[index]
            try writer.record(.extras) { buffer in
                buffer.append(extras.reservePrice.minorUnits)
                buffer.append(extras.buyNowPrice.minorUnits)
                buffer.append(extras.latestEnd.nanoseconds)
                buffer.append(extras.extensions)
            }
        }
        for index in state.auctions.indices {
            try writer.record(.auctions) { [state, titles, auctionLists] buffer in
                buffer.appendName(state.auctionNames.name(index))
                buffer.append(UInt16(titles[index].utf8.count))
                buffer.append(utf8: titles[index])
                buffer.appendAuction(state.auctions[index])
                buffer.append(auctionLists[index].changedPosition)
            }
        }
        for index in 0..<state.references.count {
            try writer.record(.references) { [state] buffer in
                buffer.appendName(state.references.name(index))
            }
        }
        for index in bidders.nodes.indices {
            let node = bidders.nodes[index]
            try writer.record(.bids) { buffer in
                buffer.append(node.user.rawValue)
                buffer.append(node.auction.rawValue)
            }
        }
        try writer.flush()
    }
}

extension ByteBuffer {
    fileprivate mutating func appendName(_ name: String) {
        append(UInt8(name.utf8.count))
        append(utf8: name)
    }

    fileprivate mutating func appendAuction(_ record: AuctionRecord) {
        for money in [record.openingPrice, record.price, record.maximum, record.held] {
            append(money.minorUnits)
        }
        append(record.opensAt.nanoseconds)
        append(record.closesAt.nanoseconds)
        append(record.openedPosition)
        append(record.closedPosition)
        append(record.lastPosition)
        append(record.acceptedBids)
        append(record.rejectedBids)
        append(record.seller.rawValue)
        append(record.leader.rawValue)
        append(record.termsIndex)
        append(record.extrasIndex)
        append(record.currency.rawValue)
        append(record.phase.rawValue)
        append(record.outcome?.rawValue ?? 0)
    }
}

// MARK: - Reading

extension AuctionTerms {
    /// Terms stand in a snapshot as the rules of a lot that has them, with prices of 1.
    fileprivate var asRules: AuctionRules {
        AuctionRules(
            openingPrice: 1, terms: self,
            extras: AuctionExtras(reservePrice: .zero, buyNowPrice: 1, latestEnd: .noEnd))
    }
}

/// Builds a read state from chunks.
private struct SnapshotLoader {
    var state = State()
    var titles = ChunkedArray<String>()
    var changed: [UInt64] = []
    var bids: [(UserHandle, AuctionHandle)] = []

    mutating func load(_ bytes: RawSpan) throws(LogFault) {
        guard bytes.byteCount >= 5,
            let section = Section(rawValue: bytes.load(UInt8.self, at: 0))
        else { throw LogFault("a snapshot chunk is of an unknown section") }
        var reader = ByteReader("a snapshot chunk", from: 5, to: bytes.byteCount)
        for _ in 0..<bytes.load(UInt32.self, at: 1) {
            switch section {
            case .general:
                state.time = Timestamp(nanoseconds: try reader.integer(Int64.self, bytes))
                state.epoch = try reader.integer(UInt32.self, bytes)
                let (key, former) = (try reader.bytes32(bytes), try reader.bytes32(bytes))
                state.signingKey = key == .zero ? nil : key
                state.formerKey = former == .zero ? nil : former
            case .currencies: try loadCurrency(&reader, bytes)
            case .users: try loadUser(&reader, bytes)
            case .accounts: try loadAccount(&reader, bytes)
            case .terms: try loadTerms(&reader, bytes)
            case .extras:
                state.extras.append(
                    AuctionExtras(
                        reservePrice: try reader.money(bytes),
                        buyNowPrice: try reader.money(bytes), latestEnd: try reader.time(bytes),
                        extensions: try reader.integer(UInt32.self, bytes)))
            case .auctions: try loadAuction(&reader, bytes)
            case .references: state.references.insert(try reader.shortText(bytes))
            case .bids:
                bids.append(
                    (
                        UserHandle(rawValue: try reader.integer(UInt32.self, bytes)),
                        AuctionHandle(rawValue: try reader.integer(UInt32.self, bytes))
                    ))
            }
        }
        guard reader.offset == bytes.byteCount else {
            throw LogFault("a snapshot chunk has bytes left over")
        }
    }

    private mutating func loadCurrency(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        let scale = try reader.integer(UInt8.self, bytes)
        let code = CurrencyCode(unchecked: try reader.shortText(bytes))
        state.currencies.append(
            CurrencyRecord(
                currency: Currency(code: code, scale: scale), charged: try reader.money(bytes),
                withdrawn: try reader.money(bytes)))
    }

    private mutating func loadUser(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        state.userNames.insert(try reader.shortText(bytes))
        var wallet = WalletRecord()
        wallet.lastPosition = try reader.integer(UInt64.self, bytes)
        wallet.currency = CurrencyHandle(rawValue: try reader.integer(UInt16.self, bytes))
        wallet.next = try reader.integer(UInt32.self, bytes)
        wallet.available = try reader.money(bytes)
        wallet.locked = try reader.money(bytes)
        state.wallets.append(wallet)
        if wallet.currency != .none { state.walletAccountCount += 1 }
    }

    private mutating func loadAccount(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        state.furtherAccounts.append(
            AccountRecord(
                available: try reader.money(bytes), locked: try reader.money(bytes),
                user: UserHandle(rawValue: try reader.integer(UInt32.self, bytes)),
                next: try reader.integer(UInt32.self, bytes),
                currency: CurrencyHandle(rawValue: try reader.integer(UInt16.self, bytes))))
    }

    private mutating func loadTerms(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        let terms = try reader.rules(bytes).terms
        state.termsIndex[terms] = UInt32(state.terms.count)
        state.terms.append(terms)
    }

    private mutating func loadAuction(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        state.auctionNames.insert(try reader.shortText(bytes))
        titles.append(try reader.longText(atMost: Limits.titleBytesMax, bytes))
        let record = AuctionRecord(
            openingPrice: try reader.money(bytes), price: try reader.money(bytes),
            maximum: try reader.money(bytes), held: try reader.money(bytes),
            opensAt: Timestamp(nanoseconds: try reader.integer(Int64.self, bytes)),
            closesAt: Timestamp(nanoseconds: try reader.integer(Int64.self, bytes)),
            openedPosition: try reader.integer(UInt64.self, bytes),
            closedPosition: try reader.integer(UInt64.self, bytes),
            lastPosition: try reader.integer(UInt64.self, bytes),
            acceptedBids: try reader.integer(UInt64.self, bytes),
            rejectedBids: try reader.integer(UInt64.self, bytes),
            seller: UserHandle(rawValue: try reader.integer(UInt32.self, bytes)),
            leader: UserHandle(rawValue: try reader.integer(UInt32.self, bytes)),
            termsIndex: try reader.integer(UInt32.self, bytes),
            extrasIndex: try reader.integer(UInt32.self, bytes),
            currency: CurrencyHandle(rawValue: try reader.integer(UInt16.self, bytes)),
            phase: AuctionPhase(rawValue: try reader.integer(UInt8.self, bytes)) ?? .open,
            outcome: AuctionOutcome(rawValue: try reader.integer(UInt8.self, bytes)))
        state.append(record)
        changed.append(try reader.integer(UInt64.self, bytes))
    }
}

// MARK: - The store

/// Where snapshots are kept.
final class SnapshotStore: Sendable {
    private let environment: Environment
    private let tables: [IntegerTable]

    /// Opens the projections environment of a ledger. Read-only, a missing one is an error.
    init(at directory: String, isReadOnly: Bool) throws {
        var configuration = Environment.Configuration()
        configuration.isReadOnly = isReadOnly
        configuration.createsDirectory = !isReadOnly
        configuration.maxTables = 4
        // Address space, not memory: a quarter of the log's is enough for two snapshots.
        configuration.mapSizeBytes = 1 << 38
        let environment = try Environment(at: directory, configuration: configuration)
        self.environment = environment
        tables = try ["snapshot-a", "snapshot-b"].map {
            try environment.integerTable(named: $0, create: !isReadOnly)
        }
    }

    /// Opens the projections environment for writing; one that cannot be opened is thrown away,
    /// since nothing in it is needed.
    static func openOrReplace(at directory: String, logger: Logger) throws -> SnapshotStore {
        do {
            return try SnapshotStore(at: directory, isReadOnly: false)
        } catch let error as LMDBError where error.isDamage {
            logger.warning("damaged snapshots are thrown away", metadata: ["why": "\(error)"])
            try FileSystem.remove(directory)
            return try SnapshotStore(at: directory, isReadOnly: false)
        }
    }

    /// A snapshot that was found; `table` is its place in `tables`.
    struct Found {
        let header: SnapshotHeader
        fileprivate let table: Int
    }

    /// The snapshots found, newest first. One whose header cannot be read is none: the log is what
    /// counts.
    func found() -> [Found] {
        var found: [Found] = []
        for (index, table) in tables.enumerated() {
            let header = try? environment.read { transaction in
                try transaction.withValue(table, at: 0) { try SnapshotHeader($0) }
            }
            if let header = header ?? nil { found.append(Found(header: header, table: index)) }
        }
        return found.sorted { $0.header.entryCount > $1.header.entryCount }
    }

    /// Reads a snapshot.
    /// - Returns: nil when another one has taken, or is taking, its place.
    /// - Throws: `LogFault` when it is not what its header says.
    func load(_ found: Found) throws -> ReadState? {
        let header = found.header
        let table = tables[found.table]
        var loader = SnapshotLoader()
        var content = ContentHash()
        // One transaction for header and chunks: a writer removes the header first and writes it
        // last, so whoever sees it sees all the chunks it speaks of.
        let isThere = try environment.read { transaction in
            let stands = try transaction.withValue(table, at: 0) { try SnapshotHeader($0) }
            guard stands == header else { return false }
            try transaction.forEach(in: table, from: 1) { _, value in
                content.add(value)
                try loader.load(value)
                return true
            }
            return true
        }
        guard isThere else { return nil }
        guard content.count == header.chunkCount, content.finish() == header.content else {
            throw LogFault("the snapshot's content is not what its header says")
        }
        loader.state.finishLoading(header)
        return ReadState(
            state: loader.state, titles: loader.titles, changed: loader.changed,
            bids: loader.bids)
    }

    /// Writes a snapshot over the older of the two.
    func write(_ readState: ReadState, tree: MerkleTree) throws {
        let newest = self.found().first?.table
        let table = tables[newest == 0 ? 1 : 0]
        try environment.write { try $0.removeAll(of: table) }
        var content = ContentHash()
        // One transaction a chunk: a snapshot of any size never fills LMDB's list of dirty pages.
        try readState.writeChunks { [environment] chunk in
            content.add(chunk)
            let key = content.count
            try environment.write { try $0.append(table, key: key, value: chunk) }
        }
        let header = SnapshotHeader(
            ledgerID: readState.state.ledgerID!, entryCount: readState.entryCount, tree: tree,
            digest: readState.state.digest, chunkCount: content.count, content: content.finish())
        var buffer = ByteBuffer(capacity: 512)
        header.encode(into: &buffer)
        try environment.write { transaction in
            try buffer.withBytes { try transaction.put(table, key: 0, value: $0) }
        }
    }

    func close() { try? environment.close() }
}

/// A hash over chunks: of their hashes, so that it can be taken one chunk at a time.
private struct ContentHash {
    private(set) var count: UInt64 = 0
    private var hashes: [UInt8] = []

    mutating func add(_ chunk: RawSpan) {
        count += 1
        hashes.append(contentsOf: Digest.leaf(chunk).bytes)
    }

    func finish() -> Digest { Digest(of: hashes) }
}

extension State {
    /// Sets what the chunks do not say.
    fileprivate mutating func finishLoading(_ header: SnapshotHeader) {
        ledgerID = header.ledgerID
        entryCount = header.entryCount
        digest = header.digest
    }

    /// Takes up an auction, and its deadline when it is open.
    fileprivate mutating func append(_ record: AuctionRecord) {
        let handle = AuctionHandle(rawValue: UInt32(auctions.count))
        auctions.append(record)
        restoreDeadline(of: handle)
    }
}
