// Where two logs part: the first position at which their entries are not the same bytes.
//
// Invariant: bytes are compared with bytes. The roots that frames say would lead there by
// bisection, but a frame's word is what an auditor does not take; equal bytes need none. How the
// entries are divided into frames does not matter.

internal import AuctionDomain
internal import Platform

/// Where two logs part.
package struct LogParting: Hashable, Sendable {
    /// The first position at which their entries differ, or one has none.
    package let position: UInt64
    /// Each log's entry there; nil where its log ends before.
    package let first: LedgerEntry?
    package let second: LedgerEntry?
}

extension LedgerQueries {
    /// The first position at which this log's entries differ from another's, among the entries
    /// reflected.
    /// - Parameter start: the first position to compare.
    /// - Returns: nil where both have the same entries.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(bytes of the entries both have), as fast as both can be read.
    package func parting(
        from other: some LedgerQueries, startingAt start: UInt64 = 0
    ) throws(LedgerError) -> LogParting? {
        let (count, otherCount) = (reflects, other.reflects)
        var walk = PartingWalk(
            position: start, end: min(count, otherCount), first: reading.log,
            second: other.reading.log)
        let position: UInt64
        do { position = try walk.run() } catch {
            throw LedgerError(error, while: "comparing entry \(walk.position)")
        }
        if position >= count, position >= otherCount { return nil }
        return LogParting(
            position: position, first: try entry(at: position),
            second: try other.entry(at: position))
    }
}

/// A walk along two logs.
private struct PartingWalk {
    /// All entries before are the same.
    private(set) var position: UInt64
    let end: UInt64
    let first: any LogReader
    let second: any LogReader
    private var hasParted = false

    init(position: UInt64, end: UInt64, first: any LogReader, second: any LogReader) {
        self.position = position
        self.end = end
        self.first = first
        self.second = second
    }

    /// - Returns: the first position that differs, or `end`.
    mutating func run() throws -> UInt64 {
        while position < end, !hasParted {
            // Transactions of bounded length, so that writers can reuse pages.
            var bytesLeft = 64 << 20
            let before = position
            try first.forEachFrame(from: position) { value in
                try compare(value)
                bytesLeft -= value.byteCount
                return !hasParted && position < end && bytesLeft > 0
            }
            if position == before, !hasParted {
                throw LogFault("entry \(position) is not in the log")
            }
        }
        return position
    }

    /// Compares a frame of the first log with as many frames of the second as have its entries.
    private mutating func compare(_ value: RawSpan) throws {
        let header = try FrameHeader(value)
        let end = min(header.endPosition, end)
        guard header.firstPosition <= position else {
            throw LogFault("entry \(position) is not in the log")
        }
        let before = position
        try second.forEachFrame(from: position) { other in
            try compare(value, header, other, until: end)
            return !hasParted && position < end
        }
        if position == before, !hasParted {
            throw LogFault("entry \(position) is not in the other log")
        }
    }

    private mutating func compare(
        _ value: RawSpan, _ header: FrameHeader, _ other: RawSpan, until end: UInt64
    ) throws {
        let otherHeader = try FrameHeader(other)
        guard otherHeader.firstPosition <= position else {
            throw LogFault("entry \(position) is not in the other log")
        }
        // Most often a whole frame and its copy.
        if header == otherHeader, value.isEqual(to: other), header.endPosition <= end {
            position = header.endPosition
            return
        }
        while position < min(end, otherHeader.endPosition) {
            let one = value.extracting(
                try header.range(of: Int(position - header.firstPosition), value))
            let two = other.extracting(
                try otherHeader.range(of: Int(position - otherHeader.firstPosition), other))
            guard one.isEqual(to: two) else {
                hasParted = true
                return
            }
            position += 1
        }
    }
}
