// `gavel audit`: the group of commands that check a ledger.

import ArgumentParser

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check a ledger: verify, replay, statement, explain, diff, re-decide.",
        subcommands: [
            VerifyCommand.self, ReplayCommand.self,
            StatementCommand.self, ExplainCommand.self, DiffCommand.self, RedecideCommand.self,
        ])
}
