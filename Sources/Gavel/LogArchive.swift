// A whole log as one file that needs neither LMDB nor this machine's byte order: for moving to
// another version of LMDB, another kind of machine, or a shelf.
//
//      "gavel-archive/v1\n"
//      for each frame: u32 length, then the frame, byte for byte as it is stored
//      u32 0
//      the checkpoint file; nothing where there was none
//
// Invariants: entries are never written anew, so hashes, roots and proofs stay what they were, also
// where a later version reads a log of an earlier format; a file that was cut short is noticed.

internal import AuctionDomain
internal import Platform

enum LogArchive {
    static let header = Array("gavel-archive/v1\n".utf8)

    /// Checks a frame's length, where it is written and where it is read.
    /// - Throws: `LogFault` when no frame is that long.
    static func checkLength(_ byteCount: Int) throws(LogFault) {
        guard byteCount <= FrameLayout.bytesMax else {
            throw LogFault(
                "a frame has at most \(FrameLayout.bytesMax) bytes, not \(byteCount)")
        }
    }
}

extension LedgerReader {
    /// Hands out the whole log as one file, piece by piece, with a checkpoint over all of it where
    /// the ledger's key can be read, and else with the last one.
    /// - Returns: the checkpoint that the archive ends with; nil where it ends without one.
    /// - Throws: `LedgerError` with `damaged` or `storage`; what `emit` throws.
    /// - Complexity: O(bytes), with a frame in memory at a time.
    @discardableResult
    public func archive(_ emit: ([UInt8]) throws -> Void) throws -> SignedCheckpoint? {
        let signed = try archivedCheckpoint()
        try emit(LogArchive.header)
        // Derived on the way: no frame is handed out that is not what was written.
        var tree = MerkleTree()
        while tree.size < reflects {
            let before = tree.size
            var frames: [[UInt8]] = []
            var bytesLeft = 16 << 20
            do {
                try reading.log.forEachFrame(from: before) { value in
                    let header = try FrameHeader(value)
                    guard header.firstPosition == tree.size, header.endPosition <= reflects else {
                        return false
                    }
                    try LogArchive.checkLength(value.byteCount)
                    frames.append(value.array())
                    try header.hash(value, following: &tree) { _ in }
                    bytesLeft -= value.byteCount
                    return bytesLeft > 0
                }
            } catch {
                throw LedgerError(error, while: "archiving")
            }
            guard tree.size > before else {
                throw LedgerError(
                    .damaged, "no frame of the log begins at position \(before)")
            }
            for frame in frames {
                try emit(Self.length(frame.count))
                try emit(frame)
            }
        }
        try emit(Self.length(0))
        try emit(signed?.bytes ?? [])
        return signed
    }

    private func archivedCheckpoint() throws -> SignedCheckpoint? {
        do {
            if let signed = try coveringCheckpoint(of: reading.log, size: reflects) {
                return signed
            }
        } catch {
            throw LedgerError(error, while: "signing the archive")
        }
        // One that was signed meanwhile is over entries that the archive has not.
        guard let last = try checkpoint(), last.checkpoint.size <= reflects else { return nil }
        try check(last, keys: knownKeys(of: last))
        return last
    }

    private static func length(_ count: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    }
}

extension Ledger {
    /// Makes a ledger from an archive; otherwise as `restore(from:to:options:)`.
    /// - Parameter read: the next bytes of the file, as many as asked for, fewer only at its end.
    /// - Throws: as `restore`; `damaged` names the first frame that is not what was archived.
    public static func restore(
        fromArchive read: (Int) throws -> [UInt8], to path: String,
        options: RestoreOptions = RestoreOptions()
    ) throws(LedgerError) -> RestoredLoss? {
        let unpacked = LedgerFolder(path: path + ".unpacking")
        do {
            try requireAbsent(path)
            try unpacked.removeLeftover()
            try unpacked.beginBuilding()
        } catch {
            throw LedgerError(error, while: "unpacking an archive")
        }
        // Only what was made here is removed.
        defer { try? unpacked.discard() }
        do { try unpack(read, into: unpacked) } catch {
            throw LedgerError(error, while: "unpacking an archive")
        }
        return try restore(from: unpacked.path, called: "the archive", to: path, options: options)
    }

    private static func unpack(
        _ read: (Int) throws -> [UInt8], into folder: LedgerFolder
    ) throws {
        guard try read(LogArchive.header.count) == LogArchive.header else {
            throw LedgerError(.foreign, "the file is no archive: expected gavel-archive/v1")
        }
        let log = try LMDBEventLog(at: folder.log, isReadOnly: false, creates: true)
        defer { log.close() }
        var tree = MerkleTree()
        var frames: [StoredFrame] = []
        var bytesHeld = 0
        while let bytes = try nextFrame(read) {
            frames.append(try withBytes(of: bytes) { try StoredFrame($0, bytes, after: &tree) })
            bytesHeld += bytes.count
            if bytesHeld >= 4 << 20 {
                try log.append(stored: frames)
                frames.removeAll()
                bytesHeld = 0
            }
        }
        try log.append(stored: frames)
        let checkpoint = try read(SignedNote.bytesMax + 1)
        if !checkpoint.isEmpty {
            try FileSystem.writeFileAtomically(folder.checkpoint, checkpoint, mode: 0o644)
        }
    }

    /// - Returns: nil at the end of the frames.
    private static func nextFrame(_ read: (Int) throws -> [UInt8]) throws -> [UInt8]? {
        let digits = try read(4)
        guard digits.count == 4 else { throw LogFault("the archive ends in the middle") }
        let length = digits.reversed().reduce(0) { $0 << 8 | Int($1) }
        if length == 0 { return nil }
        try LogArchive.checkLength(length)
        let bytes = try read(length)
        guard bytes.count == length else { throw LogFault("the archive ends in the middle") }
        return bytes
    }
}

/// A frame as it is stored, with the tiles that it completes.
struct StoredFrame {
    let firstPosition: UInt64
    let bytes: [UInt8]
    let tileRoots: ContiguousArray<TileRoot>

    /// Checks that a frame goes on from those before it.
    /// - Throws: `LogFault` when it does not, or has another root than it says.
    fileprivate init(_ value: RawSpan, _ bytes: [UInt8], after tree: inout MerkleTree) throws {
        let header = try FrameHeader(value)
        guard header.firstPosition == tree.size else {
            throw LogFault(
                "a frame begins at position \(header.firstPosition), not \(tree.size)")
        }
        var roots = ContiguousArray<TileRoot>()
        try header.hash(value, following: &tree) { roots.append($0) }
        firstPosition = header.firstPosition
        tileRoots = roots
        self.bytes = bytes
    }
}

extension FrameHeader {
    /// Hashes the entries into the tree of those before them.
    /// - Throws: `LogFault` where they do not give the root that the frame says.
    fileprivate func hash(
        _ value: RawSpan, following tree: inout MerkleTree, completed: (TileRoot) -> Void
    ) throws(LogFault) {
        try hash(value, into: &tree, completed: completed)
        guard tree.root == root else {
            throw LogFault(
                "the entries from position \(firstPosition) on do not have the root that their "
                    + "frame says")
        }
    }
}
