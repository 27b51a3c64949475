// The `gavel` command: reads the command line, runs one command and ends with its exit code.
//
// Invariants: standard output holds only what was asked for; an error is one line on standard
// error that begins with `gavel: `; exit codes are given in `ExitStatus` and nowhere else.
import ArgumentParser
import Gavel

@main
struct GavelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
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
            2 wrong usage or an unknown id; 3 stopped at FILE:LINE, or a verification that did \
            not reach the end; 4 the ledger cannot be opened, or a disk is full or failed.
            """,
        version: Ledger.version,
        subcommands: [
            ImportCommand.self, SubmitCommand.self, ExtendCommand.self, AuctionsCommand.self,
            AuctionCommand.self,
            WalletsCommand.self, WalletCommand.self, LogCommand.self, AuditCommand.self,
            ExportCommand.self, BackupCommand.self, RestoreCommand.self, RebuildCommand.self,
            BenchmarkCommand.self,
        ])

    /// Takes the place of ArgumentParser's own `main`, whose exit codes are not ours.
    static func main() async {
        turnSignalsIntoErrors()
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
        case let failure as Failure:
            if let message = failure.message { printError(message) }
            leave(failure.status)
        case let error as LedgerError:
            printError(error.reason)
            leave(ExitStatus(uncaught: error))
        case is OutputClosed:
            // Whoever read us has seen enough: `gavel log | head` is no mistake.
            leave(.done)
        case _ where exitCode(for: error) == .success:
            // `--help` and `--version` travel as errors too.
            let output = Output()
            output.write(fullMessage(for: error))
            output.write("\n")
            try? output.flush()
            leave(.done)
        default:
            printError(message(for: error) + dashHint(for: error))
            leave(ExitStatus(uncaught: error))
        }
    }

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
