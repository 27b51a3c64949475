// The `gavel-server` command: a ledger served over HTTP.
//
// Invariants: standard output holds only what was asked for, logs go to standard error; an error
// that ends a command is one line there that begins with `gavel-server: `.

import ArgumentParser
import Foundation
import Gavel
import GavelHTTP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@main
struct GavelServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gavel-server", abstract: "Serves a ledger over HTTP.",
        version: Ledger.version,
        subcommands: [ServeCommand.self, UsersCommand.self, KeysCommand.self],
        defaultSubcommand: ServeCommand.self)

    /// Takes the place of ArgumentParser's own `main`, whose exit codes are not ours.
    static func main() async {
        // A client that is gone and a file that must not get longer (`ulimit -f`) are error values,
        // never the end of the process.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    private static func end(with error: any Error) -> Never {
        switch error {
        case let failure as ServerFailure:
            printError(failure.message)
            leave(failure.status.rawValue)
        case let error as AdministrationError:
            printError(error.reason)
            leave(ServerFailure.Status(error.kind).rawValue)
        case let error as LedgerError:
            printError("the ledger cannot be opened: \(error.reason)")
            leave(ServerFailure.Status.unusable.rawValue)
        case _ where exitCode(for: error) == .success:
            // `--help` and `--version` travel as errors too.
            printOutput(fullMessage(for: error))
            leave(0)
        case _ where exitCode(for: error) == .validationFailure:
            printError(message(for: error))
            leave(ServerFailure.Status.usage.rawValue)
        default:
            // What nobody foresaw comes from the machine and not from the command line.
            printError(message(for: error))
            leave(ServerFailure.Status.unusable.rawValue)
        }
    }
}

/// Ends a command without success.
struct ServerFailure: Error {
    /// What the shell is told (as `gavel` tells it).
    enum Status: Int32 {
        /// The state of the accounts says no.
        case refused = 1
        /// The command line or the environment is wrong.
        case usage = 2
        /// A commit has failed.
        case stopped = 3
        /// The ledger cannot be opened, or an address cannot be listened at; or a disk is full or
        /// failed.
        case unusable = 4

        init(_ kind: AdministrationError.Kind) {
            switch kind {
            case .refused: self = .refused
            case .wrong: self = .usage
            case .failed: self = .unusable
            }
        }
    }

    let status: Status
    /// One line for standard error.
    let message: String

    init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }
}

/// Ends the process.
func leave(_ status: Int32) -> Never { exit(status) }

/// Writes a line to standard output at once.
func printOutput(_ text: String) {
    try? FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
}

/// Writes a line to standard error at once.
func printError(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data("gavel-server: \(text)\n".utf8))
}
