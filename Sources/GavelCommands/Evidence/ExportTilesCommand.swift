// `gavel audit export-tiles`: the tree as static files that any web server hands out.
//
// Invariants: every file appears whole or not at all; the checkpoint comes last, so whoever reads
// it finds all tiles that it needs; what is there of another log is never added to, and neither is
// a folder that is none of tiles.

import ArgumentParser
import Gavel
import GavelProgram
import Platform

struct ExportTilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export-tiles",
        abstract: "Write the log's hashes as static files (C2SP tlog-tiles).",
        discussion: """
              gavel audit export-tiles public --ledger house

            Writes what the last checkpoint has and the folder has not yet; run it again for what \
            came since. Tools that know tlog-tiles check entries and growth from the folder, \
            or from a web server that serves it. The hashes give nothing away.

            --entries writes the entries too: EVERY MAXIMUM, EVERY RESERVE, EVERY HOLD. For \
            auditors, not for a public server.
            """)

    @Argument(help: ArgumentHelp("The folder.", valueName: "dir"), transform: folderPath)
    var folder: String

    @OptionGroup var ledger: LedgerOption

    @Flag(help: "Write the entries as well: for auditors only.")
    var entries = false

    func run() throws {
        do { try LedgerFolder.checkOutside(folder) } catch {
            throw Failure(.usage, "\(error.reason): nothing was written")
        }
        let reader = try LedgerReader.openAndWait(at: ledger.path)
        defer { reader.close() }
        let export = try reportingEvidence(.finding) { try reader.tileExport() }
        if entries {
            printError(
                "warning: \(folder) holds whole entries now, with every maximum and reserve; do "
                    + "not publish it")
        }
        let head = export.checkpoint.checkpoint
        let oldSize = try exportedSize(reader, head)
        var written = 0
        for tile in export.tiles(since: oldSize) {
            try write(try export.bytes(of: tile), to: tile.path, "that tile")
            written += 1
        }
        if entries {
            // An earlier run may have left them out.
            for tile in export.tiles() where tile.level == 0 {
                guard !isThere("\(folder)/\(tile.entriesPath)") else { continue }
                try write(try export.entries(under: tile), to: tile.entriesPath, "those entries")
                written += 1
            }
        }
        try NamedOutput("\(folder)/checkpoint", .checkpoint).write(export.checkpoint.bytes)
        try withOutput(after: "the tiles in \(folder) are written") { output in
            printFields(
                [
                    ("origin", head.origin), ("entries", String(head.size)),
                    ("root", head.root.description), ("files", "\(written) written"),
                ], on: output)
        }
    }

    /// How many entries the folder's tiles cover.
    /// - Throws: `Failure` when they are another log's.
    private func exportedSize(_ reader: LedgerReader, _ head: Checkpoint) throws -> UInt64 {
        let path = "\(folder)/checkpoint"
        guard isThere(path) else {
            try checkFolder()
            return 0
        }
        do {
            let old = try SignedCheckpoint(parsing: try readWholeFile(path))
            guard old.checkpoint.origin == head.origin, old.checkpoint.size <= head.size else {
                throw Failure(
                    .usage,
                    "\(folder) holds \(old.checkpoint.size) entries of \(old.checkpoint.origin), "
                        + "which \(head.size) of \(head.origin) do not go on from")
            }
            try reader.check(old)
            return old.checkpoint.size
        } catch let error as EvidenceError {
            throw Failure(.usage, "\(path) is no checkpoint: \(error.reason)")
        } catch let error as LedgerError where error.code == .checkpointMismatch {
            throw Failure(
                .finding, "the tiles in \(folder) are of another history: \(error.reason)")
        }
    }

    /// Checks that the folder has nothing of others: it is made, empty, or left by a run that did
    /// not come to its end.
    private func checkFolder() throws {
        do {
            guard let kind = try FileSystem.kind(of: folder, followingLinks: false) else { return }
            let isFolder = try kind == .directory || FileSystem.kind(of: folder) == .directory
            let isOurs =
                try isFolder && FileSystem.listDirectory(folder).allSatisfy { $0 == "tile" }
            guard isOurs else {
                throw Failure(
                    .usage,
                    "\(folder) is there already and is no folder of tiles: nothing was written")
            }
        } catch let error as FileError {
            throw Failure("\(folder) cannot be written", error)
        }
    }

    /// Writes what never changes once it is written.
    private func write(_ bytes: [UInt8], to name: String, _ what: String) throws {
        let path = "\(folder)/\(name)"
        do throws(FileError) {
            if let end = path.lastIndex(of: "/") {
                try FileSystem.createDirectory(String(path[..<end]), mode: 0o755)
            }
        } catch {
            throw Failure("\(path) cannot be written", error)
        }
        try NamedOutput(path, .unchanging(what, bytes)).write(bytes)
    }
}
