// A frame: the entries of one group commit, written together or not at all; one value of the log
// table, keyed by its first position.
//
//      0  u32  magic "GVLF"          48  u64  first position
//      4  u16  format (0)            56  i64  time of the last entry
//      6  u16  header bytes (112)    64  32 B Merkle root after the frame
//      8  u32  flags (0)             96  u64  command-id horizon, ms since 1970
//     12  u32  entries              104  u64  position from which ids above it are found
//     16  16 B ledger id, big endian
//     32  u32  epoch               112  u32 for each entry: where it ends, from the first entry
//     36  u32  bytes of entries      …  the entries, end to end
//     40  u64  frame number
//
// Invariants: positions are dense over frames and within them; a frame has at least one entry;
// the header says the root, so the log alone proves what was in it.

package import AuctionDomain
internal import LMDB

enum FrameLayout {
    static let magic: UInt32 = 0x464C_5647
    static let format: UInt16 = 0
    static let headerBytes = 112
    /// Soft: a frame takes no further entry once it is this large.
    static let bytesSoftMax = 1 << 20
}

/// A frame while it is built and until it is durable.
///
/// The writer builds it; once handed over, entries and offsets never change again, so the writer
/// may still read them (to answer a repeated command) while the log stores them. What `seal`
/// writes belongs to the log, what waits on the frame to the publisher.
package final class Frame: @unchecked Sendable {
    // Sendable without a check: each field has one writing owner at a time, as stated above, and
    // passes to the next through queues that order memory.

    private var entries: ByteBuffer
    /// Where each entry ends, 32 bits each, as stored.
    private var ends = ByteBuffer(capacity: 256)
    package private(set) var count = 0
    package let firstPosition: UInt64
    private var lastTime = Timestamp.zero
    private var header = ByteBuffer(capacity: FrameLayout.headerBytes)
    /// Who waits for this frame.
    var completions: ContiguousArray<Completion> = []

    init(firstPosition: UInt64, capacity: Int) {
        self.firstPosition = firstPosition
        entries = ByteBuffer(capacity: capacity)
    }

    package var isEmpty: Bool { count == 0 }
    /// How many entries the log has once this frame is in it.
    package var endPosition: UInt64 { firstPosition + UInt64(count) }
    var isFull: Bool { entries.count >= FrameLayout.bytesSoftMax }
    /// The length of the stored value.
    var byteCount: Int { FrameLayout.headerBytes + ends.count + entries.count }

    /// Appends an entry. Its position must be `endPosition`.
    func append(
        _ command: CanonicalCommand, id: CommandID, actor: CanonicalActor, at point: EntryPoint,
        rejection: Rejection?, events: EventList, links: ContiguousArray<EntryLink>
    ) {
        entries.appendEntry(
            command, id: id, actor: actor, at: point, rejection: rejection, events: events,
            links: links)
        ends.append(UInt32(truncatingIfNeeded: entries.count))
        count += 1
        lastTime = point.time
    }

    /// Reads the entries one after the other.
    func forEachEntry(_ body: (RawSpan, Range<Int>) throws -> Void) rethrows {
        try entries.withBytes { span in
            var start = 0
            for index in 0..<count {
                let end = end(of: index)
                try body(span, start..<end)
                start = end
            }
        }
    }

    /// Reads one entry of this frame.
    func withEntry<R>(
        at position: UInt64, _ body: (RawSpan, Range<Int>) throws -> R
    ) rethrows -> R {
        let index = Int(position - firstPosition)
        let range = (index == 0 ? 0 : end(of: index - 1))..<end(of: index)
        return try entries.withBytes { try body($0, range) }
    }

    private func end(of index: Int) -> Int {
        ends.withBytes { Int($0.load(UInt32.self, at: 4 * index)) }
    }

    /// What a frame says besides its entries.
    struct Identity {
        var ledgerID: LedgerID
        var epoch: UInt32
        var number: UInt64
        var horizon: CommandHorizon
    }

    /// Completes the frame: hashes the entries into the tree and writes the header.
    func seal(_ identity: Identity, tree: inout MerkleTree) {
        entries.withBytes { entries in
            ends.withBytes { ends in tree.append(entries: entries, ends: ends) }
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
        header.append(tree.root)
        header.append(identity.horizon.milliseconds)
        header.append(identity.horizon.position)
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
struct CommandHorizon: Hashable, Sendable {
    var milliseconds: UInt64 = 0
    var position: UInt64 = 0
}

/// A stored frame's header, checked against the value it stands in.
package struct FrameHeader: Hashable, Sendable {
    package let count: Int
    package let ledgerID: LedgerID
    package let epoch: UInt32
    package let number: UInt64
    package let firstPosition: UInt64
    package let lastTime: Timestamp
    package let root: Digest
    let horizon: CommandHorizon
    private let entriesBytes: Int

    package var endPosition: UInt64 { firstPosition + UInt64(count) }

    /// Reads a header.
    /// - Throws: `LogFault` when the value is no frame, one of a newer format, or cut short.
    package init(_ value: RawSpan) throws(LogFault) {
        guard value.byteCount >= FrameLayout.headerBytes,
            value.load(UInt32.self, at: 0) == FrameLayout.magic
        else { throw LogFault("a value of the log is no frame") }
        let format = value.load(UInt16.self, at: 4)
        guard format == FrameLayout.format else {
            throw LogFault(
                "frame format \(format) is not known to this version", isNewerFormat: true)
        }
        guard value.load(UInt16.self, at: 6) == UInt16(FrameLayout.headerBytes),
            value.load(UInt32.self, at: 8) == 0
        else { throw LogFault("a frame has unknown flags or header size") }
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
        guard count >= 1, value.byteCount == FrameLayout.headerBytes + 4 * count + entriesBytes,
            firstPosition <= UInt64.max - UInt64(count)
        else { throw LogFault("a frame's length does not fit its count") }
    }

    /// Where an entry lies within the frame's value.
    /// - Throws: `LogFault` when the offsets are not ascending within the entries.
    package func range(of index: Int, _ value: RawSpan) throws(LogFault) -> Range<Int> {
        let entry = FrameLayout.headerBytes + 4 * index
        let first = FrameLayout.headerBytes + 4 * count
        let start = index == 0 ? 0 : Int(value.load(UInt32.self, at: entry - 4))
        let end = Int(value.load(UInt32.self, at: entry))
        guard start < end, end <= entriesBytes, index < count - 1 || end == entriesBytes else {
            throw LogFault("an entry's offsets do not fit its frame")
        }
        return first + start..<first + end
    }

    /// Hashes the entries into a tree, all or none.
    /// - Throws: `LogFault` when the offsets are not ascending within the entries.
    func hash(_ value: RawSpan, into tree: inout MerkleTree) throws(LogFault) {
        for index in 0..<count { _ = try range(of: index, value) }
        let first = FrameLayout.headerBytes + 4 * count
        tree.append(
            entries: value.extracting(first..<first + entriesBytes),
            ends: value.extracting(FrameLayout.headerBytes..<first))
    }
}
