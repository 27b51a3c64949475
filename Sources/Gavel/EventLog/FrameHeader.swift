// What stands before the entries of a frame, and where each of them lies.

package import AuctionDomain
internal import Platform

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
    public let root: LedgerHash
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
        root = LedgerHash(value, at: 64)
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
