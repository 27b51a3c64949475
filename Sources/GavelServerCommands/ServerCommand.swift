// The `gavel-server` command: a ledger served over HTTP.
//
// Invariants: standard output holds only what was asked for, logs go to standard error; an error
// that ends a command is one line there that begins with `gavel-server: `.

package import ArgumentParser
import Gavel
import GavelHTTP
import GavelProgram

package struct ServerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gavel-server", abstract: "Serves a ledger over HTTP.",
        version: Ledger.version,
        subcommands: [ServeCommand.self, UsersCommand.self, KeysCommand.self],
        defaultSubcommand: ServeCommand.self)

    package init() {}

    /// Runs the program, from its first moment on.
    package static func start() -> Never { startProgram("gavel-server") { await main() } }

    /// Runs what the command line names, and ends the process.
    package static func main() async {
        await runProgram { error in
            switch error {
            case let error as AdministrationError:
                Failure(ExitStatus(error.kind), error.reason)
            case let error as LedgerError:
                Failure(.unusable, "the ledger cannot be opened: \(error.reason)")
            default:
                Failure(ExitStatus(uncaught: error, in: Self.self), message(for: error))
            }
        }
    }
}

extension ExitStatus {
    fileprivate init(_ kind: AdministrationError.Kind) {
        switch kind {
        case .refused: self = .finding
        case .wrong: self = .usage
        case .failed: self = .unusable
        }
    }
}
