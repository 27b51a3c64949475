// Where snapshots are kept: files of DIR/snapshots, each named by how many entries it reflects.
//
//      0  the header (SnapshotHeader)
//   4096  for each chunk: u32 bytes, 32 B SHA-256(0x00 ‖ chunk), the chunk
//
// Invariants: a file has its name only once all of it is flushed, and never changes after that; a
// chunk is decoded after its hash was compared; a snapshot that cannot be read, or does not fit the
// log, is passed over: deleting all of them loses nothing.

internal import AuctionDomain
internal import Logging
internal import Platform

/// The snapshots of a ledger.
struct SnapshotFolder: Sendable {
    let path: String

    /// How many are kept: one that was just written may be of what is lost a moment later.
    private static let countMax = 2
    /// No chunk is longer, by far.
    private static let chunkBytesMax = 16 << 20

    /// A snapshot that was found.
    struct Found {
        let header: SnapshotHeader
        fileprivate let path: String
    }

    /// The snapshots found, newest first. One whose header cannot be read is none: the log is what
    /// counts.
    func found() -> [Found] {
        let names = (try? FileSystem.listDirectory(path)) ?? []
        return names.compactMap { name in
            guard Self.entryCount(ofName: name) != nil else { return nil }
            let path = "\(path)/\(name)"
            guard
                let bytes = try? FileSystem.readPrefix(path, byteCount: SnapshotHeader.byteCount),
                let header = try? withBytes(of: bytes, { try SnapshotHeader($0) })
            else { return nil }
            return Found(header: header, path: path)
        }.sorted { $0.header.entryCount > $1.header.entryCount }
    }

    /// Reads a snapshot.
    /// - Parameter horizon: of the frame that the snapshot ends with; nil where the command ids are
    ///   not wanted, which then are neither read nor held against their hashes.
    /// - Returns: nil when it was removed meanwhile: there are newer ones.
    /// - Throws: `LogFault` when it is not what its header says; `FileError` when the file cannot
    ///   be read.
    func load(
        _ found: Found, idsFrom horizon: CommandHorizon?
    ) throws -> (readState: ReadState, ids: CommandIDWindow?)? {
        guard FileSystem.exists(found.path) else { return nil }
        let (file, header) = (try FileReader(found.path), found.header)
        var loader = SnapshotLoader(header, horizon: horizon ?? CommandHorizon())
        var content = ContentHash()
        var offset = SnapshotHeader.byteCount
        for index in 0..<header.chunkCount {
            let lead = try file.read(at: offset, byteCount: ChunkLead.byteCount)
            let chunk = try withBytes(of: lead) { try ChunkLead($0) }
            guard chunk.byteCount <= Self.chunkBytesMax else {
                throw LogFault("a snapshot's chunk has \(chunk.byteCount) bytes")
            }
            offset += ChunkLead.byteCount
            content.add(chunk.hash)
            let isOfState = index < header.stateChunkCount
            guard isOfState || horizon != nil else {
                offset += chunk.byteCount
                continue
            }
            let bytes = try file.read(at: offset, byteCount: chunk.byteCount)
            offset += chunk.byteCount
            try withBytes(of: bytes) { bytes in
                guard bytes.byteCount == chunk.byteCount, Digest.leaf(bytes) == chunk.hash else {
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
        removeAllBut(try store(readState, tree, ids), countMax: Self.countMax)
    }

    /// Writes a snapshot, and removes all others.
    func replaceAll(by readState: ReadState, tree: MerkleTree, ids: CommandIDWindow) throws {
        removeAllBut(try store(readState, tree, ids), countMax: 1)
    }

    /// - Returns: the path.
    private func store(
        _ readState: ReadState, _ tree: MerkleTree, _ ids: CommandIDWindow
    ) throws -> String {
        try FileSystem.createDirectory(path)
        let target = "\(path)/\(Self.name(readState.entryCount))"
        let file = try FileWriter(replacing: target)
        // The header is known last.
        var offset = SnapshotHeader.byteCount
        var content = ContentHash()
        func write(_ chunk: RawSpan) throws {
            let hash = Digest.leaf(chunk)
            content.add(hash)
            let lead = ChunkLead(byteCount: chunk.byteCount, hash: hash).encoded()
            try lead.withBytes { try file.write($0, at: offset) }
            try file.write(chunk, at: offset + lead.count)
            offset += lead.count + chunk.byteCount
        }
        try readState.writeChunks(write)
        let stateChunkCount = content.count
        try ids.writeChunks(write)
        let header = SnapshotHeader(
            ledgerID: readState.state.ledgerID!, entryCount: readState.entryCount, tree: tree,
            digest: readState.state.digest, chunkCount: content.count,
            stateChunkCount: stateChunkCount, content: content.finish())
        try header.encoded().withBytes { try file.write($0, at: 0) }
        try file.finish()
        return target
    }

    /// Removes what a crash left half written and, but for the newest, the other snapshots.
    /// - Parameter countMax: how many stay.
    private func removeAllBut(_ written: String, countMax: Int) {
        let kept = [written] + found().map(\.path).filter { $0 != written }
        let names = Set(kept.prefix(countMax))
        for name in (try? FileSystem.listDirectory(path)) ?? [] {
            let file = "\(path)/\(name)"
            // Best effort: what cannot be removed now is removed another time.
            if !names.contains(file) { try? FileSystem.remove(file) }
        }
    }

    /// 20 digits, so that names stand in order.
    private static func name(_ entryCount: UInt64) -> String {
        let digits = String(entryCount)
        return String(repeating: "0", count: 20 - digits.count) + digits
    }

    private static func entryCount(ofName name: String) -> UInt64? {
        guard name.utf8.count == 20, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt64(name)
    }
}

/// What stands before a chunk.
private struct ChunkLead {
    static let byteCount = 36
    let byteCount: Int
    let hash: Digest

    init(byteCount: Int, hash: Digest) {
        self.byteCount = byteCount
        self.hash = hash
    }

    init(_ bytes: RawSpan) throws(LogFault) {
        guard bytes.byteCount == Self.byteCount else { throw LogFault("the snapshot is cut short") }
        byteCount = Int(bytes.load(UInt32.self, at: 0))
        hash = Digest(bytes, at: 4)
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

    mutating func add(_ chunk: Digest) {
        count += 1
        hashes.append(contentsOf: chunk.bytes)
    }

    func finish() -> Digest { Digest(of: hashes) }
}
