// `gavel audit check-statement`: whether a signed statement says what the entry says. An auditor
// who has the entry convicts a ledger of a false one.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram

struct CheckStatementCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-statement",
        abstract: "Hold a signed statement against the entry it is about.",
        discussion: """
              gavel audit check-statement alice.statement --ledger house
              gavel audit check-statement alice.statement --entry bid.evidence --key house.vkey

            Makes the viewer's view again from the entry, and compares. Ends with 1 where the \
            ledger signed something else than the entry says, and shows both: the statement is \
            the evidence then. The entry comes out of the ledger, or out of a file of \
            `prove POSITION`. --key says whose signature counts (with --ledger: default, the \
            ledger's own keys).
            """)

    @Argument(help: ArgumentHelp("The statement's file.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The ledger's folder.", valueName: "dir"), transform: folderPath)
    var ledger: String?

    @Option(help: ArgumentHelp("The evidence of the entry.", valueName: "file"))
    var entry: String?

    @Option(help: ArgumentHelp("The ledger's verifier key.", valueName: "vkey|file"))
    var key: String?

    @OptionGroup var rotation: RotationOption

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (ledger == nil) != (entry == nil) else {
            throw ValidationError("Expected one of --ledger and --entry.")
        }
        if key == nil, !rotation.files.isEmpty {
            throw ValidationError("--rotation goes with --key: the key that it leads from.")
        }
        if entry != nil, key == nil { throw ValidationError("--entry needs --key.") }
    }

    func run() throws {
        guard case .statement(let statement) = try readEvidence(file) else {
            throw Failure(.usage, "\(file) is no signed statement")
        }
        let given = try key.map { try rotation.followed(from: try verifierKeys($0)) }
        let verdict = try reportingEvidence(.finding) {
            if let ledger { return try self.verdict(on: statement, ledger, given) }
            return try self.verdict(on: statement, evidence: entry!, given ?? [])
        }
        try withOutput { output in
            if json { verdict.printJSON(on: output) } else { verdict.printWords(on: output) }
        }
        if !verdict.isTrue { throw Failure(.finding) }
    }

    private func verdict(
        on statement: StatementFile, _ path: String, _ given: [VerifierKey]?
    ) throws -> Verdict {
        let reader = try LedgerReader.openAndWait(at: path)
        defer { reader.close() }
        let keys = try given.map { try reader.keys(followedFrom: $0) } ?? reader.ownKeys()
        let checked = try statement.check(by: keys)
        let position = checked.statement.position
        guard let bytes = try reader.storedBytes(ofEntryAt: position) else {
            throw EvidenceError(
                .notProven,
                "\(path) has \(reader.reflects) entries, none at position \(position), although "
                    + "\(checked.statement.size) were signed")
        }
        guard LedgerHash(leaf: bytes) == checked.statement.leaf else {
            throw EvidenceError(
                .notProven,
                "\(path) has another entry at position \(position) than the one whose hash was "
                    + "signed: \(LedgerHash(leaf: bytes)), not \(checked.statement.leaf)")
        }
        let entry = try LedgerEntry(evidence: bytes, at: position)
        return Verdict(checked, entry, names: reader.reading)
    }

    private func verdict(
        on statement: StatementFile, evidence path: String, _ keys: [VerifierKey]
    ) throws -> Verdict {
        guard case .entry(let bundle) = try readEvidence(path) else {
            throw Failure(.usage, "\(path) is no evidence of an entry")
        }
        let evidence = try bundle.check(by: keys)
        let checked = try statement.check(by: evidence.keys)
        guard evidence.leaf == checked.statement.leaf,
            evidence.entry.position == checked.statement.position
        else {
            throw EvidenceError(
                .notProven,
                "\(path) is about the entry at position \(evidence.entry.position), the statement "
                    + "about another one at \(checked.statement.position)")
        }
        return Verdict(checked, evidence.entry, names: evidence.names)
    }
}

/// What was signed, and what should have been.
private struct Verdict {
    let checked: CheckedStatement
    /// nil where the signed view cannot be read.
    let signed: EntryView?
    /// nil where the entry does not concern the viewer.
    let right: EntryView?

    init(_ checked: CheckedStatement, _ entry: LedgerEntry, names: some Names) {
        self.checked = checked
        // What was signed and is no view, or another entry's, is false as well.
        signed = try? EntryView(checked)
        right = EntryView(of: entry, for: checked.statement.viewer, names: names)
    }

    var isTrue: Bool { signed != nil && signed == right }

    func printWords(on output: Output) {
        let statement = checked.statement
        var fields: [(name: String, value: String?)] = [
            ("statement", "of \(statement.origin) for \(statement.viewer)"),
            ("position", String(statement.position)),
            ("result", isTrue ? "true: the entry says what was signed" : "FALSE"),
            ("signed", String(decoding: checked.view, as: UTF8.self)),
        ]
        if !isTrue {
            let none = "the entry does not concern \(statement.viewer)"
            fields.append(("entry", right.map { String(decoding: $0.json, as: UTF8.self) } ?? none))
        }
        printFields(fields, on: output)
        guard !isTrue else { return }
        output.write("\n")
        output.write(checked.note.bytes)
    }

    func printJSON(on output: Output) {
        var writer = JSONWriter()
        writer.object { object in
            object.field("true", isTrue)
            object.field("origin", checked.statement.origin)
            object.field("viewer", checked.statement.viewer)
            object.field("position", checked.statement.position)
            object.field("signed", String(decoding: checked.view, as: UTF8.self))
            object.field("entry", right.map { String(decoding: $0.json, as: UTF8.self) })
            object.field("note", String(decoding: checked.note.bytes, as: UTF8.self))
        }
        writer.newline()
        output.write(writer.bytes)
    }
}
