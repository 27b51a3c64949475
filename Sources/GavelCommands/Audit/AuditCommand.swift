// `gavel audit`: the group of commands that check a ledger.

import ArgumentParser

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check a ledger, look at its past, and prove what it says to others.",
        subcommands: [
            VerifyCommand.self, ReplayCommand.self,
            StatementCommand.self, ExplainCommand.self, DiffCommand.self, RedecideCommand.self,
            CheckpointCommand.self, CheckpointsCommand.self, VerifierKeyCommand.self,
            RotateKeyCommand.self,
            ProveCommand.self, CheckReceiptCommand.self, CompareCommand.self,
            CheckStatementCommand.self, ExportTilesCommand.self, WitnessCommand.self,
            ReportCommand.self,
        ])
}
