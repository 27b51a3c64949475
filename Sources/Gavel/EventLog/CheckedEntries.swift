// Entries read back for whoever is shown them or goes by them: each is held against its hash before
// anything of it is used.
//
// A log stores no leaf hash, so an entry's is found by way of its tile, the 256 entries that share
// a stored root: all of them are read and hashed once, held against that root, and kept. Of the
// last tile, which has no root yet, the root that its newest frame says is derived. So the first
// entry of a tile costs 256 leaves, and its neighbours are in memory then.
//
// Invariants: the bytes that are lent are the bytes that were hashed; only verification, opening
// and the comparison of two logs read frames past this, and they derive the roots themselves
// (HouseTests hold who does). A log that keeps no roots of tiles is in memory and is not checked.

internal import AuctionDomain
internal import Platform
internal import Synchronization

/// Reads a log's entries, none that is not what was written.
final class CheckedEntries: Sendable {
    private let log: any LogReader
    private let kept = Mutex(Kept())

    /// The tiles looked at last. Two that fall on one place replace each other: 5 MB at most, and
    /// half of that where entries are bids.
    private struct Kept {
        static let count: UInt64 = 64
        var tiles = [CheckedTile?](repeating: nil, count: Int(Kept.count))
        var isClosed = false
    }

    init(_ log: any LogReader) { self.log = log }

    /// Lets go of what is kept: from now on only the log says whether it can be read.
    func close() {
        kept.withLock {
            $0 = Kept()
            $0.isClosed = true
        }
    }

    /// Lends the entries of a range of positions, as far as there are any, until `body` answers
    /// false: bytes, the entry's place in them, and its position.
    /// - Throws: `LogFault` naming the first entry or tile that is not what was written; what
    ///   `body` throws.
    func forEach(
        in positions: Range<UInt64>, _ body: (RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        guard log.keepsTileRoots else { return try forEachUnhashed(in: positions, body) }
        var position = positions.lowerBound
        while position < positions.upperBound {
            let tile = try tile(
                position / TileRoot.leaves, reaching: Int(position % TileRoot.leaves))
            let end = min(positions.upperBound, tile.endPosition)
            guard position < end, try lend(position..<end, of: tile, body) else { return }
            position = end
        }
    }

    /// - Returns: false when `body` answered so.
    private func lend(
        _ positions: Range<UInt64>, of tile: CheckedTile,
        _ body: (RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws -> Bool {
        if let entries = tile.entries {
            return try entries.forEach(in: positions, from: tile.firstPosition, body)
        }
        var goesOn = true
        try forEachUnhashed(in: positions) { value, range, position in
            let leaf = tile.leaves[Int(position - tile.firstPosition)]
            guard LedgerHash.leaf(value.extracting(range)) == leaf else {
                throw LogFault("entry \(position) is not what was hashed when it was written")
            }
            goesOn = try body(value, range, position)
            return goesOn
        }
        return goesOn
    }

    private func forEachUnhashed(
        in positions: Range<UInt64>, _ body: (RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        try log.forEachEntry(in: positions) { _, value, range, position in
            try body(value, range, position)
        }
    }

    /// An entry; nil where there is none at that position.
    /// - Throws: as `forEach`, and `LogFault` where the bytes are no entry of this version.
    func entry(at position: UInt64) throws -> DecodedEntry? {
        var entry: DecodedEntry?
        try forEach(in: position..<position.addingClamped(1)) { value, range, _ in
            var decoded = DecodedEntry()
            try decoded.decode(value, in: range)
            entry = decoded
            return false
        }
        return entry
    }

    /// The bytes of some entries, as many as there are.
    /// - Throws: as `forEach`.
    func bytes(in positions: Range<UInt64>) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        try forEach(in: positions) { value, range, _ in
            entries.append(value.extracting(range).array())
            return true
        }
        return entries
    }

    /// Calls `body` with each entry of some kinds before a position, until it answers false.
    /// - Complexity: O(entries before it), all of which are hashed; those of other kinds are
    ///   passed over unread.
    func forEachEntry(
        of kinds: [EntryKind], before end: UInt64, _ body: (LedgerEntry, RawSpan) throws -> Bool
    ) throws {
        var decoded = DecodedEntry()
        try forEach(in: 0..<end) { value, range, _ in
            guard kinds.include(value, range) else { return true }
            try decoded.decode(value, in: range)
            return try body(decoded.entry, value.extracting(range))
        }
    }

    /// As `forEachEntry`, but no entry is held against its hash. This only says where to look: what
    /// is found has to be read again by one of the others before anything of it is used.
    func forEachUnhashed(
        of kinds: [EntryKind], before end: UInt64, _ body: (LedgerEntry) throws -> Bool
    ) throws {
        var decoded = DecodedEntry()
        try forEachUnhashed(in: 0..<end) { value, range, _ in
            guard kinds.include(value, range) else { return true }
            try decoded.decode(value, in: range)
            return try body(decoded.entry)
        }
    }

    /// The leaf hashes of a tile, as many as a log has of it, held against its root. None is kept.
    /// - Throws: `LogFault` where they do not give it.
    static func leaves(
        ofTile number: UInt64, of log: any LogReader
    ) throws -> ContiguousArray<LedgerHash> {
        try CheckedTile(number, of: log, goingOnFrom: nil).leaves
    }

    /// - Parameter place: an entry of the tile that must be in it, where the log has it.
    private func tile(_ number: UInt64, reaching place: Int) throws -> CheckedTile {
        let slot = Int(number % Kept.count)
        let known = kept.withLock { $0.tiles[slot] }.flatMap { $0.number == number ? $0 : nil }
        if let known, place < known.leaves.count { return known }
        // Not under the lock: others read other tiles meanwhile, and this one twice does no harm.
        let tile = try CheckedTile(number, of: log, goingOnFrom: known)
        kept.withLock { if !$0.isClosed { $0.tiles[slot] = tile } }
        return tile
    }
}

extension [EntryKind] {
    /// Whether an entry is of one of these: its kind is its first byte.
    fileprivate func include(_ value: RawSpan, _ range: Range<Int>) -> Bool {
        let kind = value.load(UInt8.self, at: range.lowerBound)
        return contains { $0.rawValue == kind }
    }
}
