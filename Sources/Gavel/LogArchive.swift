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
        let lock: FileLock
        do {
            try requireAbsent(path)
            lock = try unpacked.beginBuilding()
        } catch {
            throw LedgerError(error, while: "unpacking an archive")
        }
        // Only what was made here is removed.
        defer { withExtendedLifetime(lock) { try? unpacked.discard() } }
        let store = FolderStore(unpacked)
        do { try unpack(read, into: store, options) } catch {
            throw LedgerError(error, whileBuilding: "unpacking an archive")
        }
        return try restore(
            from: store, called: "the archive",
            to: FolderStore(at: path, mapBytes: options.mapBytes), options: options)
    }

    private static func unpack(
        _ read: (Int) throws -> [UInt8], into store: any LedgerStore, _ options: RestoreOptions
    ) throws {
        guard try read(LogArchive.header.count) == LogArchive.header else {
            throw LedgerError(.foreign, "the file is no archive: expected gavel-archive/v1")
        }
        var opening = StoreOpening()
        opening.isBuilding = true
        opening.mapBytes = options.mapBytes ?? opening.mapBytes
        let log = try store.openForWriting(opening)
        defer { log.close() }
        var tree = MerkleTree()
        var frames: [SealedFrame] = []
        var bytesHeld = 0
        while let bytes = try nextFrame(read) {
            frames.append(try SealedFrame(following: &tree, bytes))
            bytesHeld += bytes.count
            if bytesHeld >= 4 << 20 {
                try log.append(frames)
                frames.removeAll()
                bytesHeld = 0
            }
        }
        try log.append(frames)
        let checkpoint = try read(SignedNote.bytesMax + 1)
        if !checkpoint.isEmpty {
            try store.write(.checkpoint, checkpoint)
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
