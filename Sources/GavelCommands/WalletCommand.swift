// `gavel wallet USER`: one wallet and what its locked money is for.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct WalletCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wallet",
        abstract: "Show one user's wallet and what is locked for which auction.",
        discussion: """
              gavel wallet alice --ledger house
              gavel wallet alice --ledger house --at 1200 --format json

            `gavel log --wallet` gives the entries that moved it.
            """)

    @Argument(help: ArgumentHelp("The user.", valueName: "user"), transform: userID)
    var user: UserID

    @OptionGroup var reading: ReadingOptions

    func run() throws {
        let reader = try reading.open()
        let wallet = try reader.wallet(user).value.sortedByCurrency
        try withOutput { output in
            switch reading.format {
            case .table: try printTable(wallet, reader, on: output)
            case .json:
                var writer = JSONWriter()
                writer.wallet(wallet)
                writer.newline()
                output.write(writer.bytes)
            case .csv:
                var writer = CSVWriter()
                writer.walletsHeader()
                writer.wallet(wallet)
                output.write(writer.bytes)
            }
        }
    }

    private func printTable(
        _ wallet: WalletView, _ reader: LedgerReader, on output: Output
    ) throws {
        var balances = Table([.right("available"), .right("locked")], on: output)
        for balance in wallet.balances {
            try balances.row([
                balance.available.formatted(in: balance.currency),
                balance.locked.formatted(in: balance.currency),
            ])
        }
        try balances.print()
        if wallet.balances.contains(where: { !$0.holds.isEmpty }) {
            output.write("\n")
            var holds = Table([.left("locked for"), .right("amount")], on: output)
            for balance in wallet.balances {
                for hold in balance.holds {
                    try holds.row([
                        hold.auction.string, hold.amount.formatted(in: balance.currency),
                    ])
                }
            }
            try holds.print()
        }
        output.write("\(wallet.user), \(reader.asOf)\n")
    }
}
