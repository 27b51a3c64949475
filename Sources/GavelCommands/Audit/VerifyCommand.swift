// `gavel audit verify`: everything the log says, derived again and compared.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify a ledger.",
        discussion: """
              gavel audit verify --ledger house
              gavel audit verify --ledger house --level records --json
              gavel audit verify --ledger /mnt/backup/house-0601 --structure
              gavel audit verify --tiles public --log-key house.vkey --level heads
              gavel audit verify --ledger house --checkpoint kept.checkpoint --log-key house.vkey

            heads     the frames' headers, the stored roots of tiles and the checkpoint, in
                      milliseconds: finds a log that was cut or replaced
            records   every entry's bytes, hashed up to each root: finds what was changed
            fold      also what the entries mean: the fold, invariants, command ids, snapshots: \
            finds what cannot follow from what came before
            rules     also every command decided again by the rules: finds an outcome that they do \
            not give, also where its author had the key (the default; full is another name for it)

            The report says what was covered and what was not; no level finds a command that was \
            changed or made up and then decided by the rules: that only a receipt, a checkpoint or \
            a witness kept elsewhere shows. Ends with 0 when all that the level \
            covers was read and nothing was found, with 1 when something was found, and with 3 \
            when damage kept it from reading to the end: what lies behind was not seen. Works \
            beside a writer, with short reads; only --structure wants a file that is not being \
            written to.
            """)

    @Option(help: ArgumentHelp("The ledger's folder.", valueName: "dir"), transform: folderPath)
    var ledger: String?

    @Option(
        help: ArgumentHelp(
            "A folder of exported tiles instead: at level heads, or at records where the entries "
                + "were exported too.", valueName: "dir"),
        transform: folderPath)
    var tiles: String?

    @Option(
        help: ArgumentHelp(
            "Who must have signed: a verifier key, or a file of them (default: the keys in the "
                + "ledger's folder and those that its log names).", valueName: "key|file"))
    var logKey: String?

    @OptionGroup var rotation: RotationOption

    @Option(
        help: ArgumentHelp(
            "A checkpoint that was kept elsewhere, or any file of evidence that holds one: the log "
                + "must live up to it. May be repeated.", valueName: "file"))
    var checkpoint: [String] = []

    @Option(
        help: ArgumentHelp(
            "How much is verified: heads, records, fold or rules.", valueName: "level"),
        transform: verificationLevel)
    var level = VerificationLevel.rules

    @Flag(help: "First walk the data files page by page, before LMDB opens them.")
    var structure = false

    @Option(help: ArgumentHelp("How many cores may hash at once (default: all).", valueName: "n"))
    var cores: Int?

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    func validate() throws {
        guard (tiles == nil) != (ledger == nil) else {
            throw ValidationError("Expected one of --ledger and --tiles.")
        }
        if tiles != nil, level >= .fold || structure {
            throw ValidationError(
                "--tiles needs --level heads or records, and no --structure: what entries mean, "
                    + "and pages, are in the ledger only.")
        }
        if logKey == nil, !rotation.files.isEmpty {
            throw ValidationError("--rotation goes with --log-key: the key that it leads from.")
        }
        if let cores, !(1...1024).contains(cores) {
            throw ValidationError("--cores must be 1 to 1024, not \(cores)")
        }
    }

    func run() throws {
        let report = try verified()
        try withOutput { output in
            if json {
                printJSON(report, on: output)
            } else {
                printReport(report, on: output)
            }
        }
        if let status = report.failureStatus { throw Failure(status) }
    }

    private func verified() throws -> VerificationReport {
        let keys = try logKey.map { try rotation.followed(from: try verifierKeys($0)) }
        let kept = try checkpoint.map { path in
            Verifier.KeptCheckpoint(name: path, try readEvidence(path).checkpoint)
        }
        var progress = Progress("verifying")
        defer { progress.clear() }
        if let tiles {
            return try Verifier.verify(
                tilesAt: tiles, level: level, keys: keys ?? [], kept: kept
            ) { progress.show($0, of: $1) }
        }
        return try Verifier.verify(
            at: ledger!, level: level, structure: structure, cores: cores, keys: keys, kept: kept
        ) { progress.show($0, of: $1) }
    }

    private func printJSON(_ report: VerificationReport, on output: Output) {
        var writer = JSONWriter()
        writer.object { object in
            object.field("ledger", ledger)
            object.field("tiles", tiles)
            object.field("level", report.level.rawValue)
            object.field("result", report.result)
            object.field("clean", report.isClean)
            object.field("complete", report.isComplete)
            object.field("entries", report.entries)
            object.field("frames", report.frames)
            object.field("root", report.root.description)
            object.field("digest", report.digest?.description)
            object.field("first_divergence", report.firstDivergence)
            object.name("contradiction")
            object.contradiction(report.contradiction)
            object.name("covered")
            object.array { array in
                for what in report.covered { array.value(what) }
            }
            object.name("not_covered")
            object.array { array in
                for what in report.notCovered { array.value(what) }
            }
            object.name("findings")
            object.array { array in
                for finding in report.findings {
                    array.object { object in
                        object.field("position", finding.position)
                        object.field("what", finding.what)
                    }
                }
            }
        }
        writer.newline()
        output.write(writer.bytes)
    }
}

private func verificationLevel(_ text: String) throws -> VerificationLevel {
    guard let level = VerificationLevel(name: text) else {
        throw ArgumentProblem("expected heads, records, fold or rules, not '\(text)'")
    }
    return level
}

/// Prints a report for people.
func printReport(_ report: VerificationReport, on output: Output) {
    var fields: [(name: String, value: String?)] = []
    func add(_ name: String, _ lines: [String]) {
        for (index, line) in lines.enumerated() { fields.append((index == 0 ? name : "", line)) }
    }
    add("covered", report.covered)
    add("not covered", report.notCovered)
    add("findings", report.findings.map(\.description))
    fields += [
        ("entries", String(report.entries)),
        ("root", report.root.description),
        ("digest", report.digest?.description),
        ("result", report.result),
    ]
    printFields(fields, on: output)
}

extension VerificationReport {
    /// Each level leaves something out, so it stands beside the word.
    fileprivate var result: String {
        if isClean { return "clean at level \(level.rawValue)" }
        let found = counted(findings.count, "finding")
        if isComplete { return found }
        return findings.isEmpty ? "incomplete" : "incomplete, \(found)"
    }
}
