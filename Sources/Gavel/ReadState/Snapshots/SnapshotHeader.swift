// What a snapshot file begins with: one block of 4,096 bytes.
//
//      0  u32  magic "GVLS"             46  u64  how many of them are of the state
//      4  u16  schema (8)               54  32 B SHA-256 over the chunks' hashes
//      6  16 B ledger id                86  u8   hashes of the tree's right edge
//     22  u64  entries                  87  32 B each of them
//     30  u64  digest of the state    4064  32 B SHA-256 over the bytes before it
//     38  u64  chunks
//
// The bytes between are zero. Invariant: nothing of a header is used before its hash was compared.

internal import AuctionDomain
internal import Platform

/// What a snapshot is of.
struct SnapshotHeader: Hashable, Sendable {
    private static let magic: UInt32 = 0x534C_5647
    /// Raised whenever a record's bytes change; older snapshots are then ignored.
    private static let schema: UInt16 = 8
    /// How long a header is, whatever it says: the chunks begin behind it.
    static let byteCount = 4096
    private static let checkedBytes = byteCount - 32
    private static let edgeOffset = 87

    var ledgerID: LedgerID
    /// How many entries are reflected: always the end of a frame.
    var entryCount: UInt64
    var tree: MerkleTree
    var digest: StateDigest
    var chunkCount: UInt64
    /// How many of the chunks, the first ones, are of the state; the others are of command ids.
    var stateChunkCount: UInt64
    /// SHA-256 over the chunks' own hashes.
    var content: LedgerHash

    /// The header's block.
    func encoded() -> ByteBuffer {
        var buffer = ByteBuffer(capacity: Self.byteCount)
        buffer.append(Self.magic)
        buffer.append(Self.schema)
        buffer.append(ledgerID.high)
        buffer.append(ledgerID.low)
        buffer.append(entryCount)
        buffer.append(digest.value)
        buffer.append(chunkCount)
        buffer.append(stateChunkCount)
        buffer.append(content)
        buffer.append(UInt8(tree.edge.count))
        for hash in tree.edge { buffer.append(hash) }
        while buffer.count < Self.checkedBytes { buffer.append(UInt8(0)) }
        let check = buffer.withBytes { LedgerHash(of: $0.array()) }
        buffer.append(check)
        return buffer
    }

    /// - Throws: `LogFault` when the bytes are no header of this schema, or not what was written.
    init(_ bytes: RawSpan) throws(LogFault) {
        guard bytes.byteCount >= Self.byteCount, bytes.load(UInt32.self, at: 0) == Self.magic,
            bytes.load(UInt16.self, at: 4) == Self.schema
        else { throw LogFault("the snapshot is none, or of another schema") }
        guard
            LedgerHash(of: bytes.array(in: 0..<Self.checkedBytes))
                == LedgerHash(bytes, at: Self.checkedBytes)
        else { throw LogFault("the snapshot's header is not what was written") }
        ledgerID = LedgerID(
            high: bytes.load(UInt64.self, at: 6), low: bytes.load(UInt64.self, at: 14))
        entryCount = bytes.load(UInt64.self, at: 22)
        digest = StateDigest(value: bytes.load(UInt64.self, at: 30))
        chunkCount = bytes.load(UInt64.self, at: 38)
        stateChunkCount = bytes.load(UInt64.self, at: 46)
        content = LedgerHash(bytes, at: 54)
        let edgeCount = Int(bytes.load(UInt8.self, at: 86))
        guard edgeCount <= UInt64.bitWidth else {
            throw LogFault("a snapshot's tree has an edge of \(edgeCount)")
        }
        var edge = ContiguousArray<LedgerHash>()
        for index in 0..<edgeCount {
            edge.append(LedgerHash(bytes, at: Self.edgeOffset + 32 * index))
        }
        tree = try MerkleTree(size: entryCount, edge: edge)
    }

    init(
        ledgerID: LedgerID, entryCount: UInt64, tree: MerkleTree, digest: StateDigest,
        chunkCount: UInt64, stateChunkCount: UInt64, content: LedgerHash
    ) {
        self.ledgerID = ledgerID
        self.entryCount = entryCount
        self.tree = tree
        self.digest = digest
        self.chunkCount = chunkCount
        self.stateChunkCount = stateChunkCount
        self.content = content
    }
}
