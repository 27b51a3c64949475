// What is wrong with bytes of the log.

/// Bytes of the log that do not mean what they should. Always becomes `LedgerError.damaged` or a
/// finding of the verifier; never a trap.
package struct LogFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }
    /// Whether a later version may well understand these bytes.
    package let isNewerFormat: Bool

    package init(_ reason: String, isNewerFormat: Bool = false) {
        self.reason = reason
        self.isNewerFormat = isNewerFormat
    }
}
