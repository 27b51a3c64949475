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

package import AuctionDomain
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
        Digest.frameHeader(header.extracting(0..<checkedBytes)).words.0
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
    private(set) var root = Digest.empty
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

/// A stored frame's header, checked against the value it stands in.
public struct FrameHeader: Hashable, Sendable {
    /// How many entries it has.
    public let count: Int
    public let ledgerID: LedgerID
    /// How often the ledger had been opened for writing.
    public let epoch: UInt32
    /// Which of the log's frames, from 0.
    public let number: UInt64
    public let firstPosition: UInt64
    /// The time of its last entry.
    public let lastTime: Timestamp
    /// The Merkle root over all entries up to its last one.
    public let root: Digest
    package let horizon: CommandHorizon
    private let entriesBytes: Int

    /// How many entries the log has once this frame is in it.
    public var endPosition: UInt64 { firstPosition + UInt64(count) }

    /// Reads a header.
    /// - Throws: `LogFault` when the value is no frame, one of a newer format, or cut short.
    package init(_ value: RawSpan) throws(LogFault) {
        try self.init(value, frameBytes: value.byteCount)
    }

    /// Reads a header.
    /// - Parameters:
    ///   - value: a frame's first bytes, so many as a header has at least.
    ///   - frameBytes: how many the whole frame has.
    /// - Throws: as above.
    init(_ value: RawSpan, frameBytes: Int) throws(LogFault) {
        guard value.byteCount >= FrameLayout.headerBytes,
            value.load(UInt32.self, at: 0) == FrameLayout.magic
        else { throw LogFault("a value of the log is no frame") }
        let format = value.load(UInt16.self, at: 4)
        guard format == FrameLayout.format else {
            throw LogFault(
                "frame format \(format) is not known to this version",
                isNewerFormat: format > FrameLayout.format)
        }
        guard value.load(UInt16.self, at: 6) == UInt16(FrameLayout.headerBytes),
            value.load(UInt32.self, at: 8) == 0
        else { throw LogFault("a frame has unknown flags or header size") }
        guard value.load(UInt64.self, at: FrameLayout.checkedBytes) == FrameLayout.check(of: value)
        else { throw LogFault("a frame's header is not what was written") }
        count = Int(value.load(UInt32.self, at: 12))
        ledgerID = LedgerID(
            high: value.load(UInt64.self, at: 16).byteSwapped,
            low: value.load(UInt64.self, at: 24).byteSwapped)
        epoch = value.load(UInt32.self, at: 32)
        entriesBytes = Int(value.load(UInt32.self, at: 36))
        number = value.load(UInt64.self, at: 40)
        firstPosition = value.load(UInt64.self, at: 48)
        lastTime = Timestamp(nanoseconds: value.load(Int64.self, at: 56))
        root = Digest(value, at: 64)
        horizon = CommandHorizon(
            milliseconds: value.load(UInt64.self, at: 96),
            position: value.load(UInt64.self, at: 104))
        guard count >= 1, frameBytes == FrameLayout.headerBytes + 4 * count + entriesBytes,
            firstPosition <= UInt64.max - UInt64(count)
        else { throw LogFault("a frame's length does not fit its count") }
        // What is reckoned on from: no number is the last one, and an id has 48 bits of time.
        guard number < .max, horizon.milliseconds >> 48 == 0 else {
            throw LogFault("a frame's number, or the horizon of its command ids, is out of range")
        }
    }

    /// Where an entry lies within the frame's value.
    /// - Throws: `LogFault` when the offsets are not ascending within the entries.
    package func range(of index: Int, _ value: RawSpan) throws(LogFault) -> Range<Int> {
        let entry = FrameLayout.headerBytes + 4 * index
        let start = index == 0 ? 0 : Int(value.load(UInt32.self, at: entry - 4))
        let end = Int(value.load(UInt32.self, at: entry))
        let range = try checked(start, end, of: index)
        return entriesStart + range.lowerBound..<entriesStart + range.upperBound
    }

    /// Where the first entry begins within the frame's value.
    var entriesStart: Int { FrameLayout.headerBytes + 4 * count }

    /// Where entries lie, counted from the first entry's first byte.
    /// - Parameter ends: of the table of ends the part from the entry before the first of `indices`
    ///   on, where there is one, to the last of them.
    /// - Throws: as `range(of:_:)`.
    func ranges(of indices: Range<Int>, ends: RawSpan) throws(LogFault) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var place = 0
        var start = 0
        if indices.lowerBound > 0 {
            start = Int(ends.load(UInt32.self, at: 0))
            place = 4
        }
        for index in indices {
            let end = Int(ends.load(UInt32.self, at: place))
            ranges.append(try checked(start, end, of: index))
            (start, place) = (end, place + 4)
        }
        return ranges
    }

    private func checked(
        _ start: Int, _ end: Int, of index: Int
    ) throws(LogFault) -> Range<Int> {
        guard start < end, end <= entriesBytes, index < count - 1 || end == entriesBytes else {
            throw LogFault(
                "the offsets of entry \(firstPosition + UInt64(index)) do not fit its frame")
        }
        return start..<end
    }

    /// Hashes the entries into a tree, all or none.
    /// - Throws: `LogFault` when the offsets are not ascending within the entries.
    package func hash(
        _ value: RawSpan, into tree: inout MerkleTree, completed: (TileRoot) -> Void = { _ in }
    ) throws(LogFault) {
        for index in 0..<count { _ = try range(of: index, value) }
        let first = FrameLayout.headerBytes + 4 * count
        tree.append(
            entries: value.extracting(first..<first + entriesBytes),
            ends: value.extracting(FrameLayout.headerBytes..<first), completed: completed)
    }
}
