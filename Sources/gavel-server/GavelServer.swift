// The `gavel-server` command: a ledger served over HTTP.

import ArgumentParser
import Configuration
import GavelHTTP

@main
struct GavelServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gavel-server", abstract: "Serves a ledger over HTTP.",
        subcommands: [UsersCommand.self, KeysCommand.self])
}
