// `gavel audit check-receipt`: an entry's evidence, checked without any ledger.
//
// Invariant: nothing of the entry is printed before all of it is proven.

import ArgumentParser
import Gavel
import GavelJSON

struct CheckReceiptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-receipt",
        abstract: "Check a file of `prove` without the ledger, and say what it proves.",
        discussion: """
              gavel audit check-receipt bid.evidence --key house.vkey
              gavel audit check-receipt bid.evidence --key house.vkey --witness witness.vkey

            Needs nothing but the file and the ledger's verifier key, which must come from \
            somewhere else than the file: from whom you trust, or from an earlier day. With \
            --witness at least one of those must have cosigned. Ends with 1 when the file does \
            not prove its entry.
            """)

    @Argument(help: ArgumentHelp("The file.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The ledger's verifier key.", valueName: "vkey|file"))
    var key: String

    @Option(help: ArgumentHelp("Who must have cosigned it.", valueName: "vkey|file"))
    var witness: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let keys = try verifierKeys(key)
        let witnesses = try witness.map { try verifierKeys($0) }
        let bytes = try readWholeFile(file)
        let checked = try proven {
            let checked = try EvidenceBundle(parsing: bytes)
                .check(by: keys, witnesses: witnesses ?? [])
            guard witnesses == nil || !checked.checkpoint.cosignatures.isEmpty else {
                throw EvidenceError(.notSigned, "none of the witnesses has cosigned it")
            }
            return checked
        }
        try withOutput { output in
            if json { printJSON(checked, on: output) } else { printWords(checked, on: output) }
        }
    }

    private func proven<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as EvidenceError {
            throw Failure(
                .finding, "\(file) proves nothing: \(error.reason) (\(error.code.rawValue))")
        }
    }

    private func printWords(_ checked: CheckedEvidence, on output: Output) {
        let checkpoint = checked.checkpoint
        var fields: [(name: String, value: String?)] = [
            ("proven", "by \(checkpoint.origin), which signed \(checkpoint.size) entries")
        ]
        for cosignature in checkpoint.cosignatures {
            fields.append(("witness", cosignature.words))
        }
        if checkpoint.cosignatures.isEmpty {
            fields.append(("witness", "none; the ledger alone vouches that it shows all the same"))
        }
        printFields(fields + EntryInWords(checked.entry, names: checked.names).fields, on: output)
    }

    private func printJSON(_ checked: CheckedEvidence, on output: Output) {
        var writer = JSONWriter()
        writer.object { object in
            object.field("proven", true)
            object.field("origin", checked.checkpoint.origin)
            object.field("size", checked.checkpoint.size)
            object.field("root", checked.checkpoint.root.description)
            object.name("witnesses")
            object.array { array in
                for cosignature in checked.checkpoint.cosignatures {
                    array.object { object in
                        object.field("name", cosignature.witness.name)
                        object.field("time", cosignature.timestamp)
                    }
                }
            }
            object.name("entry")
            object.entry(checked.entry, names: checked.names)
        }
        writer.newline()
        output.write(writer.bytes)
    }
}

extension VerifiedCheckpoint.Witnessing {
    /// When, as far as a time can be that late.
    fileprivate var timestamp: Timestamp {
        let most = UInt64(Timestamp.max.nanoseconds / 1_000_000_000)
        return Timestamp(seconds: Int64(min(seconds, most)))
    }

    fileprivate var words: String { "\(witness.name) at \(timestamp.rfc3339)" }
}
