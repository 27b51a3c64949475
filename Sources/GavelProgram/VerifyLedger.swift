// Verification as commands and benchmarks run it, and how a command ends because of what it found.

package import Gavel

/// Verifies with progress on a terminal.
package func verifyLedger(
    at path: String, level: VerificationLevel = .rules, cores: Int? = nil
) throws -> VerificationReport {
    var progress = Progress("verifying")
    defer { progress.clear() }
    return try Verifier.verify(at: path, level: level, cores: cores) {
        progress.show($0, of: $1)
    }
}

extension VerificationReport {
    /// How a command ends because of the report; nil when it is clean.
    package var failureStatus: ExitStatus? {
        if isClean { return nil }
        // Incomplete is the worse: a finding says what is wrong, and here nobody knows.
        return isComplete ? .finding : .stopped
    }
}
