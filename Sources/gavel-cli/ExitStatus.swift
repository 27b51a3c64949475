// How a command ends: the only place that gives exit codes (DESIGN section 8).

import Gavel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the shell is told.
enum ExitStatus: Int32 {
    /// Done and clean.
    case done = 0
    /// The verifier found something, or a command was not accepted under `--strict`.
    case finding = 1
    /// The command line is wrong, names something unknown, or would overwrite something.
    case usage = 2
    /// Stopped at a line of input, or a verification did not reach the end.
    case stopped = 3
    /// The ledger cannot be opened, or cannot be used any further.
    case unusable = 4

    init(_ code: LedgerError.Code) {
        switch code {
        case .alreadyExists, .badCursor, .unknownName, .invalidConfiguration: self = .usage
        case .outcomeUnknown: self = .stopped
        case .closed, .notFound, .heldByWriter, .foreign, .newerFormat, .damaged, .storage,
            .checkpointMismatch, .keyMismatch, .otherHistory, .alreadyRunning:
            self = .unusable
        }
    }
}

/// Ends a command without success.
struct Failure: Error {
    let status: ExitStatus
    /// One line for standard error; nil where standard output has said it already.
    let message: String?

    init(_ status: ExitStatus, _ message: String? = nil) {
        self.status = status
        self.message = message
    }
}

/// Ends the process.
func leave(_ status: ExitStatus) -> Never { exit(status.rawValue) }
