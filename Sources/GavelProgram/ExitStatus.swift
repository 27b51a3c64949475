// How a command ends: the only place that gives exit codes.

package import ArgumentParser
package import Gavel
import GavelJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the shell is told.
package enum ExitStatus: Int32 {
    /// Done and clean.
    case done = 0
    /// The verifier found something, a command was not accepted under `--strict`, or the state of
    /// the service's accounts says no.
    case finding = 1
    /// The command line is wrong, names something unknown, or would overwrite something.
    case usage = 2
    /// Stopped at a line of input, a verification did not reach the end, or a commit has failed.
    case stopped = 3
    /// The ledger cannot be opened or used any further, an address cannot be listened at, or the
    /// machine failed: a disk that is full or broken.
    case unusable = 4

    package init(_ code: LedgerError.Code) {
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
    /// - Parameter program: the program's own command, which knows its errors of usage.
    package init(uncaught error: any Error, in program: any ParsableCommand.Type) {
        switch error {
        case let error as LedgerError: self.init(error.code)
        case let error as EvidenceError: self.init(error.code)
        case is ArgumentProblem, is MalformedValue, is JSONError, is CommandError: self = .usage
        case _ where program.exitCode(for: error) == .validationFailure: self = .usage
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

/// Ends the process.
package func leave(_ status: ExitStatus) -> Never { exit(status.rawValue) }
