// A frame: the entries of one group commit, written together or not at all; one value of the log
// table, keyed by its first position.
//
//      0  u32  magic "GVLF"          48  u64  first position
//      4  u16  format (1)            56  i64  time of the last entry
//      6  u16  header bytes (120)    64  32 B Merkle root after the frame
//      8  u32  flags (0)             96  u64  command-id horizon, ms since 1970
//     12  u32  entries              104  u64  position from which ids above it are found
//     16  16 B ledger id, big endian 112  8 B  check of the bytes before it
//     32  u32  epoch               120  u32 for each entry: where it ends, from the first entry
//     36  u32  bytes of entries      …  the entries, end to end
//     40  u64  frame number
//
// Invariants: positions are dense over frames and within them; a frame has at least one entry;
// the header says the root, so the log alone proves what was in it. The check covers what no root
// does (horizon, epoch, number): it finds accidents, no forger.

internal import AuctionDomain
internal import Platform

package enum FrameLayout {
    static let magic: UInt32 = 0x464C_5647
    static let format: UInt16 = 1
    static let headerBytes = 120
    /// The bytes that the check covers.
    static let checkedBytes = 112
    /// Soft: a frame takes no further entry once it is this large.
    static let bytesSoftMax = 1 << 20
    /// Hard: no frame is longer, by far. Archives are read up to this.
    static let bytesMax = 64 << 20

    /// The first 8 bytes of SHA-256(0x02 ‖ the header up to there).
    package static func check(of header: RawSpan) -> UInt64 {
        LedgerHash.frameHeader(header.extracting(0..<checkedBytes)).words.0
    }
}

/// A frame while it is built: the writer's own, a value that nobody else can see.
struct FrameBuilder: ~Copyable {
    fileprivate var entries: ByteBuffer
    /// Where each entry ends, four bytes each.
    fileprivate var ends: ByteBuffer
    let firstPosition: UInt64
    private(set) var count = 0
    fileprivate var lastTime = Timestamp.zero
    /// Whether an auction was closed in it.
    var holdsClosing = false
    /// How many of its entries are rejections.
    fileprivate(set) var rejectionCount = 0
    /// What becomes true with this frame.
    var answers: ContiguousArray<CoreAnswer> = []

    init(firstPosition: UInt64, capacity: Int) {
        self.firstPosition = firstPosition
        entries = ByteBuffer(capacity: capacity)
        ends = ByteBuffer(capacity: capacity / 24)
    }

    var isEmpty: Bool { count == 0 }
    /// How many entries the log has once this frame is in it.
    var endPosition: UInt64 { firstPosition + UInt64(count) }
    var isFull: Bool { entries.count >= FrameLayout.bytesSoftMax }
    /// The length of the stored value.
    var byteCount: Int { FrameLayout.headerBytes + ends.count + entries.count }

    /// Appends an entry. Its position must be `endPosition`.
    mutating func append(
        _ command: CanonicalCommand, id: CommandID, actor: CanonicalActor, at point: EntryPoint,
        rejection: Rejection?, events: EventList, links: ContiguousArray<EntryLink>, salt: UInt64?
    ) {
        entries.appendEntry(
            command, id: id, actor: actor, at: point, rejection: rejection, events: events,
            links: links, salt: salt)
        if rejection != nil { rejectionCount += 1 }
        finishEntry(point)
    }

    /// Appends the entry of an accepted bid. Its position must be `endPosition`.
    @inline(__always)
    mutating func append(
        _ bid: AcceptedBid, id: CommandID, actor: CanonicalActor, at point: EntryPoint,
        links: BidLinks, salt: UInt64?
    ) {
        entries.appendEntry(bid, id: id, actor: actor, at: point, links: links, salt: salt)
        finishEntry(point)
    }

    @inline(__always)
    private mutating func finishEntry(_ point: EntryPoint) {
        ends.append(UInt32(truncatingIfNeeded: entries.count))
        count += 1
        lastTime = point.time
    }

    /// Reads one entry of this frame.
    func withEntry<R>(
        at position: UInt64, _ body: (RawSpan, Range<Int>) throws -> R
    ) rethrows -> R {
        let range = ends.range(of: Int(position - firstPosition))
        return try entries.withBytes { try body($0, range) }
    }

    /// Ends the frame and begins the next one, which will be about as large.
    mutating func finish() -> Frame {
        var finished = FrameBuilder(
            firstPosition: endPosition, capacity: max(4096, entries.count * 5 / 4))
        swap(&self, &finished)
        return Frame(finished)
    }
}

extension ByteBuffer {
    /// The entry with an index, where the buffer holds the ends of entries.
    @inline(__always)
    fileprivate func range(of index: Int) -> Range<Int> {
        withBytes { ends in
            let start = index == 0 ? 0 : Int(ends.load(UInt32.self, at: 4 * (index - 1)))
            return start..<Int(ends.load(UInt32.self, at: 4 * index))
        }
    }
}

/// A frame from being handed over until it is durable.
///
/// Entries and offsets never change, so the writer may read them (to answer a repeated command)
/// while the log stores them. What `seal` writes belongs to the log, what waits on the frame to
/// the publisher.
package final class Frame: @unchecked Sendable {
    // Sendable without a check: `header`, `answers` and `ids` have one owner at a time, as stated
    // above, and pass to the next through queues that order memory.

    private let entries: ByteBuffer
    private let ends: ByteBuffer
    package let firstPosition: UInt64
    package let count: Int
    private let lastTime: Timestamp
    let holdsClosing: Bool
    let rejectionCount: Int
    /// When it was handed over, by `Uptime`; written by the writer before it is.
    var handedOverAt: UInt64 = 0
    /// How long storing it took; written by the log before it is reported.
    var flushNanoseconds: UInt64 = 0
    private var header = ByteBuffer(capacity: FrameLayout.headerBytes)
    /// The tiles that this frame completes; written by `seal` too.
    private(set) var tileRoots: ContiguousArray<TileRoot> = []
    /// The Merkle root over all entries up to and with this frame's; written by `seal` too.
    private(set) var root = LedgerHash.empty
    /// What becomes true with this frame.
    private var answers: ContiguousArray<CoreAnswer>
    /// The ids of recent commands as of this frame's end, where somebody asked for them.
    private var ids: CommandIDWindow?

    fileprivate init(_ builder: consuming FrameBuilder) {
        firstPosition = builder.firstPosition
        count = builder.count
        lastTime = builder.lastTime
        holdsClosing = builder.holdsClosing
        rejectionCount = builder.rejectionCount
        answers = builder.answers
        entries = builder.entries
        ends = builder.ends
    }

    package var isEmpty: Bool { count == 0 }
    /// How many entries the log has once this frame is in it.
    package var endPosition: UInt64 { firstPosition + UInt64(count) }
    /// The length of the stored value.
    var byteCount: Int { FrameLayout.headerBytes + ends.count + entries.count }

    /// Hands out the answers, once.
    package func takeAnswers() -> ContiguousArray<CoreAnswer> {
        var taken = ContiguousArray<CoreAnswer>()
        swap(&taken, &answers)
        return taken
    }

    /// Sends the ids of recent commands along. Before the frame is handed over.
    func carry(_ ids: CommandIDWindow) { self.ids = ids }

    /// Hands out the ids that the frame carries, once.
    package func takeIDs() -> CommandIDWindow? {
        defer { ids = nil }
        return ids
    }

    /// Lends the entries, end to end.
    func withEntries<R>(_ body: (RawSpan) throws -> R) rethrows -> R {
        try entries.withBytes(body)
    }

    /// Where an entry lies within the entries.
    @inline(__always)
    func range(of index: Int) -> Range<Int> { ends.range(of: index) }

    /// Reads one entry of this frame.
    func withEntry<R>(
        at position: UInt64, _ body: (RawSpan, Range<Int>) throws -> R
    ) rethrows -> R {
        let range = range(of: Int(position - firstPosition))
        return try entries.withBytes { try body($0, range) }
    }

    /// What a frame says besides its entries.
    package struct Identity {
        var ledgerID: LedgerID
        var epoch: UInt32
        var number: UInt64
        var horizon: CommandHorizon
    }

    /// Completes the frame: hashes the entries into the tree and writes the header.
    func seal(_ identity: Identity, tree: inout MerkleTree, by engine: HashEngine = .fastest) {
        entries.withBytes { entries in
            ends.withBytes { ends in
                tree.append(entries: entries, ends: ends, by: engine) { tileRoots.append($0) }
            }
        }
        header.removeAll()
        header.append(FrameLayout.magic)
        header.append(FrameLayout.format)
        header.append(UInt16(FrameLayout.headerBytes))
        header.append(UInt32(0))
        header.append(UInt32(count))
        header.append(identity.ledgerID.high.byteSwapped)
        header.append(identity.ledgerID.low.byteSwapped)
        header.append(identity.epoch)
        header.append(UInt32(entries.count))
        header.append(identity.number)
        header.append(firstPosition)
        header.append(lastTime.nanoseconds)
        root = tree.root
        header.append(root)
        header.append(identity.horizon.milliseconds)
        header.append(identity.horizon.position)
        let check = header.withBytes { FrameLayout.check(of: $0) }
        header.append(check.littleEndian)
    }

    /// Lends the three parts of the stored value, in order, once sealed.
    package func withParts(_ body: (RawSpan) throws -> Void) rethrows {
        try header.withBytes(body)
        try ends.withBytes(body)
        try entries.withBytes(body)
    }
}

/// Up to where command ids are forgotten: ids before `milliseconds` are refused; every other id
/// that is in the log stands at `position` or later.
package struct CommandHorizon: Hashable, Sendable {
    package var milliseconds: UInt64 = 0
    package var position: UInt64 = 0

    package init(milliseconds: UInt64 = 0, position: UInt64 = 0) {
        self.milliseconds = milliseconds
        self.position = position
    }
}
