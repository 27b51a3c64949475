// The `gavel` command: reads the command line, runs one command and ends with its exit code.
//
// Invariants: standard output holds only what was asked for; an error is one line on standard
// error that begins with `gavel: `; exit codes are given in `ExitStatus` and nowhere else.
package import ArgumentParser
import Gavel
import GavelProgram

package struct GavelCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gavel",
        abstract: "An event-sourced ledger of auctions and wallets.",
        discussion: """
            A ledger is a folder. Every act is an entry of its log; wallets and auctions are \
            what the entries add up to.

              gavel import history.jsonl --ledger house
              gavel auctions --ledger house
              gavel auction lot-1 --ledger house
              gavel audit verify --ledger house

            Exit codes: 0 done and clean; 1 a finding, or a rejection under --strict; \
            2 wrong usage or an unknown id; 3 stopped at FILE:LINE, a commit into a \
            standing ledger failed, or a verification did not reach the end; 4 the ledger cannot \
            be opened, or a disk is full or failed.
            """,
        version: Ledger.version,
        subcommands: [
            ImportCommand.self, SubmitCommand.self, ExtendCommand.self, AuctionsCommand.self,
            AuctionCommand.self,
            WalletsCommand.self, WalletCommand.self, LogCommand.self, AuditCommand.self,
            ExportCommand.self, BackupCommand.self, RestoreCommand.self, RebuildCommand.self,
            BenchmarkCommand.self,
        ])

    /// Runs the program, from its first moment on.
    package static func start() -> Never { startProgram("gavel") { await main() } }

    /// Runs what the command line names, and ends the process.
    package static func main() async {
        await runProgram { error in
            switch error {
            case let error as LedgerError: Failure(ExitStatus(error.code), error.reason)
            default:
                Failure(
                    ExitStatus(uncaught: error, in: Self.self),
                    message(for: error) + dashHint(for: error))
            }
        }
    }

    package init() {}

    /// Names may begin with a dash, and are then taken for options.
    private static func dashHint(for error: any Error) -> String {
        let message = message(for: error)
        let signs = [
            "Unknown option '-", "Missing value for '-", "Missing expected argument '<id>'",
            "Missing expected argument '<user>'",
        ]
        guard signs.contains(where: message.contains) else { return "" }
        return " (a name that begins with a dash is written behind = as in --auction=-x, or alone "
            + "behind -- as in gavel auction --ledger dir -- -x)"
    }
}
