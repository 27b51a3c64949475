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

extension LogReader {
    /// The bytes of some entries, as many as there are.
    package func entryBytes(in positions: Range<UInt64>) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        try forEachEntry(in: positions) { _, value, range, _ in
            entries.append(value.array(in: range))
            return true
        }
        return entries
    }
}
