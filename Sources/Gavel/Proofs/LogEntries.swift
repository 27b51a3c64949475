// The bytes of a log's entries by position, as they are stored.

internal import LMDB

extension EventLog {
    /// Calls `body` with the bytes of each entry of a range of positions, as far as there are any.
    /// The bytes are valid within the call.
    func forEachEntry(
        in positions: Range<UInt64>, _ body: (RawSpan) throws -> Void
    ) throws {
        guard !positions.isEmpty else { return }
        var next = positions.lowerBound
        try forEachFrame(from: next) { value in
            let header = try FrameHeader(value)
            while next < min(positions.upperBound, header.endPosition) {
                guard next >= header.firstPosition else {
                    throw LogFault("there is no entry at position \(next)")
                }
                let index = Int(next - header.firstPosition)
                try body(value.extracting(try header.range(of: index, value)))
                next += 1
            }
            return next < positions.upperBound
        }
    }

    /// The bytes of some entries, as many as there are.
    package func entryBytes(in positions: Range<UInt64>) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        try forEachEntry(in: positions) { entries.append($0.array()) }
        return entries
    }
}
