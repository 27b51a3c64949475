// How a command ends: the only place that gives exit codes (DESIGN section 8).

import ArgumentParser
import Gavel
import GavelJSON
import Platform

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
    /// The ledger cannot be opened, or cannot be used any further; or the machine failed: a disk
    /// that is full or broken.
    case unusable = 4

    init(_ code: LedgerError.Code) {
        switch code {
        case .alreadyExists, .badCursor, .unknownName, .invalidConfiguration: self = .usage
        case .outcomeUnknown: self = .stopped
        case .fenced, .closed, .notFound, .heldByWriter, .foreign, .newerFormat, .damaged,
            .storage, .checkpointMismatch, .keyMismatch, .otherHistory, .alreadyRunning:
            self = .unusable
        }
    }
}

extension ExitStatus {
    /// What an error means that nobody has caught. Wrong usage is only what is known to be: an
    /// error that is not named here comes from the machine and not from the command line.
    init(uncaught error: any Error) {
        switch error {
        case let error as LedgerError: self.init(error.code)
        case let error as EvidenceError: self.init(error.code)
        case is ArgumentProblem, is MalformedValue, is JSONError, is CommandError: self = .usage
        case _ where GavelCommand.exitCode(for: error) == .validationFailure: self = .usage
        default: self = .unusable
        }
    }

    private init(_ code: EvidenceError.Code) {
        switch code {
        case .malformed: self = .usage
        case .notSigned, .notProven, .incomplete, .rolledBack, .forked: self = .finding
        case .signing: self = .unusable
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

    /// A file that somebody named could not be used: a path that leads nowhere is wrong usage, a
    /// disk that is full or broken is not.
    /// - Parameter message: what could not be done; the error follows.
    init(_ message: String, _ error: FileError) {
        self.init(error.isUnusablePath ? .usage : .unusable, "\(message): \(error)")
    }

    /// As above, after a system call of this module's own.
    /// - Parameter number: the call's `errno`.
    init(_ message: String, errno number: Int32) {
        let isPathAtFault = FileError(.system(number), operation: "open", path: "").isUnusablePath
        self.init(
            isPathAtFault ? .usage : .unusable, "\(message): \(String(cString: strerror(number)))")
    }
}

/// Ends the process.
func leave(_ status: ExitStatus) -> Never { exit(status.rawValue) }
