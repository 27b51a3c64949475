// The bytes of a log's entries by position, as they are stored.

internal import Platform

extension LedgerQueries {
    /// The bytes of an entry as they are stored, not held against anything yet.
    /// - Returns: nil where there is no such entry.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    package func storedBytes(ofEntryAt position: UInt64) throws -> [UInt8]? {
        guard position < reflects else { return nil }
        do { return try reading.log.entryBytes(in: position..<position + 1).first } catch {
            throw LedgerError(error, while: "reading entry \(position)")
        }
    }
}

extension ReadableLog {
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
