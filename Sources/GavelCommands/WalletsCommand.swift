// `gavel wallets`: every balance, by user and currency.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct WalletsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wallets",
        abstract: "List all wallets by user and currency.",
        discussion: """
              gavel wallets --ledger house
              gavel wallets --ledger house --at 1200 --format csv

            Tables and CSV have a row for each currency a user ever had, JSON a line for each \
            user; in CSV a user who never had money has no row. CSV and JSON give amounts in \
            minor units.
            """)

    @OptionGroup var reading: ReadingOptions

    func run() throws {
        let reader = try reading.open()
        let wallets = try sortedWallets(reader)
        try withOutput { output in
            switch reading.format {
            case .table: try printTable(wallets, reader, on: output)
            case .json: try output.lines(wallets) { $0.wallet($1) }
            case .csv: try output.csv(header: { $0.walletsHeader() }, wallets) { $0.wallet($1) }
            }
        }
    }

    private func sortedWallets(_ reader: LedgerReader) throws -> [WalletView] {
        var wallets: [WalletView] = []
        try reader.forEachWallet { wallets.append($0.sortedByCurrency) }
        return wallets.sorted { $0.user < $1.user }
    }

    private func printTable(
        _ wallets: [WalletView], _ reader: LedgerReader, on output: Output
    ) throws {
        var table = Table(
            [.left("user"), .right("available"), .right("locked")], on: output)
        for wallet in wallets {
            if wallet.balances.isEmpty { try table.row([wallet.user.string, nil, nil]) }
            for balance in wallet.balances {
                try table.row([
                    wallet.user.string, balance.available.formatted(in: balance.currency),
                    balance.locked.formatted(in: balance.currency),
                ])
            }
        }
        try table.print()
        output.write("\(counted(wallets.count, "wallet")), \(reader.asOf)\n")
    }
}

extension WalletView {
    /// The same wallet with its balances in the order of their currencies' codes.
    var sortedByCurrency: WalletView {
        WalletView(user: user, balances: balances.sorted { $0.currency.code < $1.currency.code })
    }
}
