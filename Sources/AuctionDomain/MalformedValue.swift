// What is wrong with a value that a caller gave.

/// A value that breaks the shape it must have; becomes the refusal `malformed`.
public struct MalformedValue: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wrong and what was expected, as one sentence without a full stop.
    public let reason: String
    public init(_ reason: String) { self.reason = reason }
    public var description: String { reason }
}
