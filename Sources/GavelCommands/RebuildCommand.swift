// `gavel rebuild`: the read state's snapshots, made anew from the log.

import ArgumentParser
import Gavel
import GavelProgram

struct RebuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Make the snapshots anew from the first entry on.",
        discussion: """
              gavel rebuild --ledger house

            Snapshots only make opening quicker; losing them loses nothing. The log is not \
            touched. No writer may have the ledger open.
            """)

    @OptionGroup var ledger: LedgerOption
    @OptionGroup var mapBytes: MapBytesOption

    func run() throws {
        let count = try Ledger.rebuild(
            at: ledger.path, mapBytes: mapBytes.mapBytes ?? Configuration.mapBytesDefault)
        try withOutput(after: "\(ledger.path) is rebuilt") { output in
            output.write("rebuilt \(ledger.path) from \(count) entries\n")
        }
    }
}
