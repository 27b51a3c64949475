// What is wrong with a text that is to be JSON.

/// Why a text is no JSON, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The byte the reader stopped at, counted from 0.
    public let offset: Int
    /// What was found and what was expected, without the place and without a full stop.
    public let reason: String

    public init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    /// The same place as editors count it: bytes from 1.
    public var column: Int { offset + 1 }
    public var description: String { "column \(column): \(reason)" }
}
