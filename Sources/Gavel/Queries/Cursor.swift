// Cursors: where a page ended, and of which query it was a page.

/// Reads and writes cursors: `filter~key~key…`, numbers in decimal.
enum Cursor {
    static func text(_ key: [UInt64], filter: String) -> String {
        ([filter] + key.map(String.init)).joined(separator: "~")
    }

    /// The key in a cursor; nil where there is no cursor.
    /// - Throws: `badCursor` when the cursor is none of this query's.
    static func key(_ cursor: String?, filter: String) throws(LedgerError) -> [UInt64]? {
        guard let cursor else { return nil }
        let prefix = filter + "~"
        guard cursor.hasPrefix(prefix) else {
            throw LedgerError(.badCursor, "the cursor belongs to a query with other filters")
        }
        var key: [UInt64] = []
        for part in cursor.dropFirst(prefix.count).split(
            separator: "~", omittingEmptySubsequences: false)
        {
            guard let number = UInt64(part) else {
                throw LedgerError(.badCursor, "\(cursor.debugDescription) is no cursor")
            }
            key.append(number)
        }
        return key
    }
}
