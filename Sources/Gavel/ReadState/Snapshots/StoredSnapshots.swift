// The snapshots in a store, each under how many entries it reflects.
//
//      0  the header (SnapshotHeader)
//   4096  for each chunk: u32 bytes, 32 B SHA-256(0x00 ‖ chunk), the chunk
//
// Invariants: a chunk is decoded after its hash was compared; a snapshot that cannot be read, or
// does not fit the log, is passed over: deleting all of them loses nothing.

internal import AuctionDomain
internal import Platform

/// The snapshots of a ledger.
struct StoredSnapshots: Sendable {
    let store: any LedgerStore

    /// How many are kept: one that was just written may be of what is lost a moment later.
    private static let countMax = 2
    /// No chunk is longer, by far.
    private static let chunkBytesMax = 16 << 20

    /// The headers of the snapshots found, newest first. One whose header cannot be read is none:
    /// the log is what counts.
    func found() -> [SnapshotHeader] {
        store.snapshots().sorted(by: >).compactMap { count in
            let bytes = try? store.readSnapshot(of: count) { read in
                try read(0, SnapshotHeader.byteCount)
            }
            let header = bytes.flatMap { try? withBytes(of: $0) { try SnapshotHeader($0) } }
            return header?.entryCount == count ? header : nil
        }
    }

    /// Reads a snapshot.
    /// - Parameter horizon: of the frame that the snapshot ends with; nil where the command ids are
    ///   not wanted, which then are neither read nor held against their hashes.
    /// - Returns: nil when it was removed meanwhile: there are newer ones.
    /// - Throws: `LogFault` when it is not what its header says; what reading throws.
    func load(
        _ header: SnapshotHeader, idsFrom horizon: CommandHorizon?
    ) throws -> (readState: ReadState, ids: CommandIDWindow?)? {
        try store.readSnapshot(of: header.entryCount) { read in
            try Self.load(header, idsFrom: horizon, read)
        }
    }

    private static func load(
        _ header: SnapshotHeader, idsFrom horizon: CommandHorizon?,
        _ read: (Int, Int) throws -> [UInt8]
    ) throws -> (readState: ReadState, ids: CommandIDWindow?) {
        var loader = SnapshotLoader(header, horizon: horizon ?? CommandHorizon())
        var content = ContentHash()
        var offset = SnapshotHeader.byteCount
        for index in 0..<header.chunkCount {
            let lead = try read(offset, ChunkLead.byteCount)
            let chunk = try withBytes(of: lead) { try ChunkLead($0) }
            guard chunk.byteCount <= chunkBytesMax else {
                throw LogFault("a snapshot's chunk has \(chunk.byteCount) bytes")
            }
            offset += ChunkLead.byteCount
            content.add(chunk.hash)
            let isOfState = index < header.stateChunkCount
            guard isOfState || horizon != nil else {
                offset += chunk.byteCount
                continue
            }
            let bytes = try read(offset, chunk.byteCount)
            offset += chunk.byteCount
            try withBytes(of: bytes) { bytes in
                guard bytes.byteCount == chunk.byteCount, LedgerHash.leaf(bytes) == chunk.hash
                else {
                    throw LogFault("a snapshot's chunk is not what was written")
                }
                if isOfState { try loader.load(bytes) } else { try loader.loadIDs(bytes) }
            }
        }
        guard content.finish() == header.content else {
            throw LogFault("the snapshot's chunks are not those that its header says")
        }
        return (try loader.finish(), horizon == nil ? nil : loader.ids)
    }

    /// Writes a snapshot, and removes those that are no more needed.
    /// - Parameter ids: the window of command ids, of the same moment.
    func write(_ readState: ReadState, tree: MerkleTree, ids: CommandIDWindow) throws {
        try store(readState, tree, ids)
        removeAll(but: readState.entryCount, countMax: Self.countMax)
    }

    /// Writes a snapshot, and removes all others.
    func replaceAll(by readState: ReadState, tree: MerkleTree, ids: CommandIDWindow) throws {
        try store(readState, tree, ids)
        removeAll(but: readState.entryCount, countMax: 1)
    }

    private func store(
        _ readState: ReadState, _ tree: MerkleTree, _ ids: CommandIDWindow
    ) throws {
        try store.writeSnapshot(of: readState.entryCount) { write in
            // The header is known last.
            var offset = SnapshotHeader.byteCount
            var content = ContentHash()
            func writeChunk(_ chunk: RawSpan) throws {
                let hash = LedgerHash.leaf(chunk)
                content.add(hash)
                let lead = ChunkLead(byteCount: chunk.byteCount, hash: hash).encoded()
                try lead.withBytes { try write($0, offset) }
                try write(chunk, offset + lead.count)
                offset += lead.count + chunk.byteCount
            }
            try readState.writeChunks(writeChunk)
            let stateChunkCount = content.count
            try ids.writeChunks(writeChunk)
            let header = SnapshotHeader(
                ledgerID: readState.state.ledgerID!, entryCount: readState.entryCount, tree: tree,
                digest: readState.state.digest, chunkCount: content.count,
                stateChunkCount: stateChunkCount, content: content.finish())
            try header.encoded().withBytes { try write($0, 0) }
        }
    }

    /// Removes what a crash left half written and, but for the newest, the other snapshots.
    /// - Parameter countMax: how many stay.
    private func removeAll(but written: UInt64, countMax: Int) {
        let kept = [written] + found().map(\.entryCount).filter { $0 != written }
        store.removeSnapshots(except: Set(kept.prefix(countMax)))
    }
}

/// What stands before a chunk.
private struct ChunkLead {
    static let byteCount = 36
    let byteCount: Int
    let hash: LedgerHash

    init(byteCount: Int, hash: LedgerHash) {
        self.byteCount = byteCount
        self.hash = hash
    }

    init(_ bytes: RawSpan) throws(LogFault) {
        guard bytes.byteCount == Self.byteCount else { throw LogFault("the snapshot is cut short") }
        byteCount = Int(bytes.load(UInt32.self, at: 0))
        hash = LedgerHash(bytes, at: 4)
    }

    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer(capacity: Self.byteCount)
        buffer.append(UInt32(byteCount))
        buffer.append(hash)
        return buffer
    }
}

/// A hash over chunks: of their hashes, so that it can be taken one chunk at a time.
private struct ContentHash {
    private(set) var count: UInt64 = 0
    private var hashes: [UInt8] = []

    mutating func add(_ chunk: LedgerHash) {
        count += 1
        hashes.append(contentsOf: chunk.bytes)
    }

    func finish() -> LedgerHash { LedgerHash(of: hashes) }
}
