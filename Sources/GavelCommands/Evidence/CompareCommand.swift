// `gavel audit compare`: what two people find out when they lay what a ledger gave them side by
// side: the same history, growth, or a split view.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Say whether two files of evidence are of one history.",
        discussion: """
              gavel audit compare mine.evidence yours.statement --key house.vkey
              gavel audit compare old.checkpoint bid.evidence --proof growth --key house.vkey
              gavel audit compare old.checkpoint bid.evidence --ledger house --key house.vkey

            The files may be of any sort: evidence, statements, proofs, checkpoints, also as the \
            service answers them in JSON. Over as many entries they must have one root. Over \
            different numbers of entries a proof of growth says whether the larger goes on from \
            the smaller: one of the two files, --proof (a file of `prove --from`, or the answer of \
            /log/proof/consistency; where both sizes are older than its checkpoint, one from \
            each), the ledger itself (--ledger), or its tiles (--tiles).

            Ends with 0 when they are of one history; with 1 when they are not, and prints the \
            signed notes that show it: keep them, they convict the ledger. Ends with 3 when what \
            was given does not tell.
            """)

    @Argument(help: ArgumentHelp("One file.", valueName: "file"))
    var first: String

    @Argument(help: ArgumentHelp("The other file.", valueName: "file"))
    var second: String

    @Option(help: ArgumentHelp("The ledger's verifier key.", valueName: "vkey|file"))
    var key: String

    @OptionGroup var rotation: RotationOption

    @Option(
        name: .customLong("proof"),
        help: ArgumentHelp("A proof of growth. May be repeated.", valueName: "file"))
    var proofs: [String] = []

    @Option(help: ArgumentHelp("The ledger's folder.", valueName: "dir"), transform: folderPath)
    var ledger: String?

    @Option(
        help: ArgumentHelp("A folder of exported tiles.", valueName: "dir"), transform: folderPath)
    var tiles: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if ledger != nil, tiles != nil {
            throw ValidationError("Expected one of --ledger and --tiles.")
        }
    }

    func run() throws {
        let files = try ([first, second] + proofs).map { ($0, try readEvidence($0)) }
        let checked = try check(files)
        for (path, file) in zip(proofs, checked.dropFirst(2)) where file.growth == nil {
            throw Failure(.usage, "\(path) is no proof of growth")
        }
        let growths = checked.compactMap(\.growth)
        let (old, new) = (checked[0].checkpoint, checked[1].checkpoint)
        guard old.origin.utf8.elementsEqual(new.origin.utf8) else {
            throw Failure(
                .usage,
                "\(first) is of \(old.origin), \(second) of \(new.origin): different logs have "
                    + "nothing to compare")
        }
        let result = try withNodes(covering: max(old.size, new.size)) { nodes in
            try HistoryComparison.compare(old, new, by: growths, nodes: nodes)
        }
        let comparison = Comparison(
            files: [(first, old), (second, new)], result: result,
            contradiction: contradiction(checked[0], checked[1]))
        try withOutput { output in
            if json { comparison.printJSON(on: output) } else { comparison.printWords(on: output) }
        }
        if let status = comparison.failureStatus { throw Failure(status) }
    }

    /// Checks all files. A rotation in one of them leads to the keys of the others.
    private func check(_ files: [(path: String, file: EvidenceFile)]) throws -> [CheckedFile] {
        var keys = try rotation.followed(from: try verifierKeys(key))
        if let ledger {
            let reader = try LedgerReader.openAndWait(at: ledger)
            defer { reader.close() }
            keys = try reader.keys(followedFrom: keys)
        }
        for (_, file) in files {
            guard case .entry(let bundle) = file, let checked = try? bundle.check(by: keys) else {
                continue
            }
            keys += checked.keys.filter { !keys.contains($0) }
        }
        return try files.map { path, file in try proven(path) { try file.check(by: keys) } }
    }

    /// Lends the nodes of the ledger or its tiles, where they reach as far.
    private func withNodes<R>(
        covering size: UInt64, _ body: ((any TreeHashes)?) throws -> R
    ) throws -> R {
        if let ledger {
            let reader = try LedgerReader.openAndWait(at: ledger)
            defer { reader.close() }
            guard reader.reflects >= size else { return try body(nil) }
            return try reportingEvidence(.stopped) {
                try body(reader.tree(ofSize: reader.reflects))
            }
        }
        guard let tiles else { return try body(nil) }
        let (head, nodes) = try tileHashes(in: tiles)
        guard head.checkpoint.size >= size else { return try body(nil) }
        // A tile that is missing or none tells nothing, and convicts nobody.
        return try reportingEvidence(.stopped) { try body(nodes) }
    }

    /// Two statements of one entry to one viewer that say different things: one of them is false.
    /// Views are compared by what they say: one thing can be spelled in two ways.
    private func contradiction(
        _ one: CheckedFile, _ other: CheckedFile
    ) -> [CheckedStatement] {
        guard case .statement(let one) = one, case .statement(let other) = other,
            one.statement.leaf == other.statement.leaf,
            one.statement.position == other.statement.position,
            one.statement.viewer == other.statement.viewer,
            one.statement.viewHash != other.statement.viewHash
        else { return [] }
        if let view = try? EntryView(one), view == (try? EntryView(other)) { return [] }
        return [one, other]
    }
}

/// What came out, for people and for programs.
private struct Comparison {
    let files: [(name: String, checkpoint: SignedCheckpoint.Verified)]
    let result: HistoryComparison
    let contradiction: [CheckedStatement]

    /// nil where the two are of one history.
    var failureStatus: ExitStatus? {
        if !contradiction.isEmpty { return .finding }
        return switch result {
        case .same, .growth: nil
        case .splitView, .proofFails, .otherNodes: .finding
        case .cannotTell: .stopped
        }
    }

    private var word: String {
        if !contradiction.isEmpty { return "contradiction" }
        return switch result {
        case .same: "same"
        case .growth: "growth"
        case .splitView: "split_view"
        case .proofFails: "proof_fails"
        case .otherNodes: "other_log"
        case .cannotTell: "cannot_tell"
        }
    }

    private var words: [String] {
        let sizes = files.map(\.checkpoint.size)
        let (old, new) = (sizes.min() ?? 0, sizes.max() ?? 0)
        if !contradiction.isEmpty {
            return [
                "CONTRADICTION: two statements of one entry to one viewer say different things; "
                    + "check-statement tells which is false"
            ]
        }
        return switch result {
        case .same: ["the same history: \(new) entries with one root"]
        case .growth: ["growth: the \(new) entries go on from the \(old)"]
        case .splitView(let one, let other):
            [
                "SPLIT VIEW: \(one.origin) signed \(one.size) and \(other.size) entries that "
                    + "cannot be of one log",
                "the two signed notes below are the evidence: keep both files",
            ]
        case .proofFails(let one, let other):
            [
                "NOT PROVEN: the proof from \(one.size) to \(other.size) entries does not hold",
                "it was altered, or the history was: ask for another with "
                    + "`gavel audit prove --from \(one.size)`; if none holds, the two notes "
                    + "below are the evidence",
            ]
        case .otherNodes(let head):
            [
                "OTHER LOG: the ledger or the tiles given here are not what \(head.origin) signed "
                    + "over \(head.size) entries",
                "they were altered, or are of another history: keep the file with the signed note "
                    + "below",
            ]
        case .cannotTell:
            [
                "cannot tell: \(old) and \(new) entries, and nothing here says whether the larger "
                    + "goes on from the smaller",
                "fetch a proof with `gavel audit prove --from \(old)`, or from the service, and "
                    + "give it by --proof, or give --ledger or --tiles that reach as far",
            ]
        }
    }

    /// The signed notes that convict, or must be asked about.
    private var notes: [[UInt8]] {
        if !contradiction.isEmpty { return contradiction.map(\.note.bytes) }
        return switch result {
        case .splitView(let one, let other), .proofFails(let one, let other):
            [one.signed.bytes, other.signed.bytes]
        case .otherNodes(let head): [head.signed.bytes]
        case .same, .growth, .cannotTell: []
        }
    }

    func printWords(on output: Output) {
        var fields: [(name: String, value: String?)] = []
        for (name, checkpoint) in files {
            fields.append((name, "\(checkpoint.size) entries, root \(checkpoint.root)"))
        }
        for (index, line) in words.enumerated() {
            fields.append((index == 0 ? "result" : "", line))
        }
        printFields(fields, on: output)
        for note in notes {
            output.write("\n")
            output.write(note)
        }
    }

    func printJSON(on output: Output) {
        var writer = JSONWriter()
        writer.object { object in
            object.field("result", word)
            object.name("files")
            object.array { array in
                for (name, checkpoint) in files {
                    array.object { object in
                        object.field("file", name)
                        object.field("origin", checkpoint.origin)
                        object.field("size", checkpoint.size)
                        object.field("root", checkpoint.root.description)
                    }
                }
            }
            object.name("evidence")
            object.array { array in
                for note in notes { array.value(String(decoding: note, as: UTF8.self)) }
            }
        }
        writer.newline()
        output.write(writer.bytes)
    }
}
