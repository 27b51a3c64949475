// The tree cut into static files, as C2SP tlog-tiles has it: tile n of level l holds the roots of
// up to 256 neighbouring subtrees of 256^l leaves, 32 bytes each; an entry bundle holds the entries
// under a tile of level 0, each behind its length in 2 bytes, big endian.
//
// Invariants: a full tile never changes; a partial one belongs to the sizes that end in it; tiles
// of a tree of n leaves are those that its root and all its proofs need, and no others.

internal import AuctionDomain

/// Names one tile or bundle.
package struct HashTile: Hashable, Sendable {
    /// How many hashes a full tile holds.
    package static let widthMax = 256

    /// 0 for leaves; the nodes of level l are 8 l levels above them.
    package let level: Int
    /// Its number within the level.
    package let index: UInt64
    /// How many hashes it holds, 1 to 256.
    package let width: Int

    package init(level: Int, index: UInt64, width: Int) {
        precondition(level >= 0 && level < 8, "there is no level \(level) in a tree of 2^64 leaves")
        precondition(width >= 1 && width <= Self.widthMax, "a tile has no \(width) hashes")
        self.level = level
        self.index = index
        self.width = width
    }

    /// The tile that the end of a path names: `["x001", "234"]`, `["000.p", "17"]`.
    /// - Returns: nil unless the tile's own path is spelled exactly so.
    package init?(level: Int, pathEnd parts: [String]) {
        guard (0..<8).contains(level) else { return nil }
        var (groups, width) = (parts, Self.widthMax)
        if parts.count >= 2, parts[parts.count - 2].hasSuffix(".p") {
            guard let partial = Int(parts[parts.count - 1]), (1..<width).contains(partial) else {
                return nil
            }
            width = partial
            groups.removeLast()
            groups[groups.count - 1].removeLast(2)
        }
        var index: UInt64 = 0
        for group in groups {
            guard let digits = UInt64(group.suffix(3)), digits < 1000 else { return nil }
            let (shifted, overflows) = index.multipliedReportingOverflow(by: 1000)
            guard !overflows, shifted <= UInt64.max / 2 else { return nil }
            index = shifted + digits
        }
        self.init(level: level, index: index, width: width)
        guard pathEnd == parts.joined(separator: "/") else { return nil }
    }

    /// Whether a tree of so many leaves has all its hashes.
    package func isCovered(bySize size: UInt64) -> Bool {
        let nodes = size >> UInt64(8 * level)
        return index < nodes / 256 + 1 && 256 * index + UInt64(width) <= nodes
    }

    package var isFull: Bool { width == Self.widthMax }

    /// The tile's path below the log's: `tile/0/x001/234`, `tile/1/000.p/17`.
    package var path: String { "tile/\(level)/\(pathEnd)" }

    /// The path of the entries under a tile of level 0.
    package var entriesPath: String { "tile/entries/\(pathEnd)" }

    private var pathEnd: String {
        var parts: [String] = []
        var rest = index
        repeat {
            let digits = String(rest % 1000)
            let prefix = parts.isEmpty ? "" : "x"
            parts.append(prefix + String(repeating: "0", count: 3 - digits.count) + digits)
            rest /= 1000
        } while rest > 0
        return parts.reversed().joined(separator: "/") + (isFull ? "" : ".p/\(width)")
    }

    /// Which tiles a tree has that a smaller one has not, level by level from the leaves, each
    /// level from left to right.
    /// - Parameters:
    ///   - size: the leaves of the tree.
    ///   - oldSize: the leaves of the smaller one, whose tiles are there already.
    /// - Complexity: O(1) at a time; in all a tile for every 256 leaves that are new.
    package static func tiles(ofSize size: UInt64, since oldSize: UInt64 = 0) -> some Sequence<Self>
    {
        (0..<8).lazy.flatMap { level in
            // How many nodes the level has, and how many of them were there.
            let (nodes, oldNodes) = (size >> UInt64(8 * level), oldSize >> UInt64(8 * level))
            let end = nodes > oldNodes ? (nodes + 255) / 256 : oldNodes / 256
            return (oldNodes / 256..<end).lazy.map { index in
                HashTile(level: level, index: index, width: Int(min(256, nodes - 256 * index)))
            }
        }
    }

    /// The tile's bytes: 32 for each hash.
    /// - Throws: what `tree` throws.
    package func bytes(in tree: some TreeHashes) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32 * width)
        for offset in 0..<UInt64(width) {
            bytes += try tree.hash(level: 8 * level, index: 256 * index + offset).bytes
        }
        return bytes
    }

    /// A bundle's bytes.
    /// - Throws: `EvidenceError.malformed` when an entry is longer than `Limits.entryBytesMax`, as
    ///   none of a log is: its length has 2 bytes.
    package static func bundle(of entries: [[UInt8]]) throws(EvidenceError) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries {
            guard entry.count <= Limits.entryBytesMax, let count = UInt16(exactly: entry.count)
            else {
                throw .malformed(
                    "an entry has at most \(Limits.entryBytesMax) bytes, not \(entry.count)")
            }
            bytes += [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
            bytes += entry
        }
        return bytes
    }
}

/// A log's nodes from its tiles, read when they are first needed.
///
/// Not for tiles that nobody vouches for: what is derived must be held against a signed root.
package final class TileHashes: TreeHashes {
    private let size: UInt64
    private let read: (String) throws -> [UInt8]?
    private var tiles: [HashTile: [Digest]] = [:]

    /// - Parameters:
    ///   - size: how many leaves the tiles are known to cover.
    ///   - read: gives the file at a path below the log's, nil where there is none.
    package init(size: UInt64, read: @escaping (String) throws -> [UInt8]?) {
        self.size = size
        self.read = read
    }

    package func hash(level: Int, index: UInt64) throws -> Digest {
        guard level >= 0, level < 64, index < size >> UInt64(level) else {
            throw LogFault("\(size) entries have no subtree \(index) of 2^\(level)")
        }
        let (tileLevel, height) = level.quotientAndRemainder(dividingBy: 8)
        let first = index << UInt64(height)
        let nodes = size >> UInt64(8 * tileLevel)
        let number = first / 256
        let tile = HashTile(
            level: tileLevel, index: number, width: Int(min(256, nodes - 256 * number)))
        let start = Int(first % 256)
        return perfectRoot(of: Array(try hashes(of: tile)[start..<start + 1 << height]))
    }

    private func hashes(of tile: HashTile) throws -> [Digest] {
        if let known = tiles[tile] { return known }
        // The full tile may have taken the place of the partial one.
        let full = HashTile(level: tile.level, index: tile.index, width: HashTile.widthMax)
        guard let bytes = try read(tile.path) ?? read(full.path) else {
            throw EvidenceError(.incomplete, "there is no tile \(tile.path)")
        }
        guard bytes.count == 32 * tile.width || bytes.count == 32 * HashTile.widthMax else {
            throw EvidenceError.malformed("\(tile.path) has \(bytes.count) bytes")
        }
        let hashes = (0..<tile.width).compactMap { index in
            Digest(bytes: Array(bytes[32 * index..<32 * index + 32]))
        }
        tiles[tile] = hashes
        return hashes
    }
}
