// `gavel audit check-receipt`: a file of evidence of any sort, checked without any ledger.
//
// Invariant: nothing of what a file says is printed before all of it is proven.

import ArgumentParser
import Gavel
import GavelJSON
import GavelProgram
import GavelReport

struct CheckReceiptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-receipt",
        abstract: "Check a file of evidence without the ledger, and say what it proves.",
        discussion: """
              gavel audit check-receipt bid.evidence --key house.vkey
              gavel audit check-receipt bid.evidence --key house.vkey --witness witness.vkey
              gavel audit check-receipt alice.statement --key house.vkey
              gavel audit check-receipt growth --older bid.evidence --key house.vkey
              gavel audit check-receipt bid.evidence --key former.vkey --rotation rotated.evidence

            Takes every file of `prove` (also of --alone, --for and --from), what the service \
            gives as a proof (a file, or the JSON of /log/proof/inclusion, /log/proof/consistency \
            and of one checkpoint of /log/checkpoints), and a plain checkpoint. Needs nothing but \
            the file and the ledger's verifier key, which must come from somewhere else than the \
            file: from whom you trust, or from an earlier day. A key from before a rotation serves \
            where the file holds the rotation, or --rotation gives it. With --witness at least one \
            of those must have cosigned. Ends with 1 when the file does not prove what it says.
            """)

    @Argument(help: ArgumentHelp("The file.", valueName: "file"))
    var file: String

    @Option(help: ArgumentHelp("The ledger's verifier key.", valueName: "vkey|file"))
    var key: String

    @OptionGroup var rotation: RotationOption

    @Option(help: ArgumentHelp("Who must have cosigned it.", valueName: "vkey|file"))
    var witness: String?

    @Option(
        help: ArgumentHelp(
            "For a proof of growth: the checkpoint it starts from, or any file that holds it.",
            valueName: "file"))
    var older: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let keys = try rotation.followed(from: try verifierKeys(key))
        let witnesses = try witness.map { try verifierKeys($0) }
        let read = try readEvidence(file)
        let checked = try proven(file) {
            let checked = try read.check(by: keys, witnesses: witnesses ?? [])
            guard witnesses == nil || !checked.checkpoint.cosignatures.isEmpty else {
                throw EvidenceError(.notSigned, "none of the witnesses has cosigned it")
            }
            return checked
        }
        let receipt = CheckedReceipt(
            checked: checked, sort: read.words, view: try view(of: checked),
            growth: try growth(checked.growth, keys))
        try withOutput { output in
            if json { receipt.printJSON(on: output) } else { receipt.printWords(on: output) }
        }
    }

    /// What a statement says.
    private func view(of checked: CheckedFile) throws -> EntryView? {
        guard case .statement(let statement) = checked else { return nil }
        return try proven(file) { try EntryView(statement) }
    }

    /// What a proof of growth starts from.
    private func growth(_ growth: GrowthProof?, _ keys: [VerifierKey]) throws -> GrownFrom? {
        guard let growth else {
            if older != nil { throw Failure(.usage, "--older goes with a proof of growth only") }
            return nil
        }
        let proof = growth.proof
        guard let older else {
            guard proof.givesOldRoot else {
                throw Failure(
                    .usage,
                    "\(file) is a proof that a log went on from \(proof.oldSize) entries; to check "
                        + "it, give the checkpoint over those by --older, or any file that holds "
                        + "it")
            }
            return try proven(file) {
                guard let roots = proof.roots(assuming: .empty),
                    roots.new == growth.checkpoint.root
                else { throw EvidenceError(.notProven, "its hashes do not lead to the checkpoint") }
                return GrownFrom(size: proof.oldSize, root: roots.old, isSigned: false)
            }
        }
        let kept = try readEvidence(older)
        let old = try proven(older) { try kept.check(by: keys).checkpoint }
        return try proven(file) {
            try proof.verify(from: old, to: growth.checkpoint)
            return GrownFrom(size: old.size, root: old.root, isSigned: true)
        }
    }
}

/// Where a proof of growth starts.
private struct GrownFrom {
    let size: UInt64
    let root: LedgerHash
    /// Whether the older checkpoint was given, and not only its root shown by the proof.
    let isSigned: Bool
}

/// What a file has proven, for people and for programs.
private struct CheckedReceipt {
    let checked: CheckedFile
    let sort: String
    /// What a statement says.
    let view: EntryView?
    let growth: GrownFrom?

    private var checkpoint: SignedCheckpoint.Verified { checked.checkpoint }

    // MARK: Words

    func printWords(on output: Output) {
        var fields: [(name: String, value: String?)] = [
            ("proven", "by \(checkpoint.origin), which signed \(checkpoint.size) entries")
        ]
        for cosignature in checkpoint.cosignatures {
            fields.append(("witness", cosignature.words))
        }
        if checkpoint.cosignatures.isEmpty {
            fields.append(("witness", "none; the ledger alone vouches that it shows all the same"))
        }
        printFields(fields + what, on: output)
    }

    private var what: [(name: String, value: String?)] {
        switch checked {
        case .entry(let evidence):
            return EntryInWords(
                evidence.entry, names: evidence.names, origin: checkpoint.origin,
                formerID: evidence.ledger
            ).fields
        case .proof(_, let entry):
            return EntryInWords(entry, names: EvidenceNames(), origin: checkpoint.origin).fields + [
                ("names", "not in this file: users, auctions and currencies stand as numbers")
            ]
        case .place(_, let place):
            return [
                ("position", String(place.proof.index)), ("leaf", place.leaf.base64),
                ("entry", "not in this file: hold the leaf against that of what you have of it"),
            ]
        case .statement(let statement):
            return view.map { StatementInWords(statement, $0).fields } ?? []
        case .growth: return root + (growth.map { fields(of: $0) } ?? [])
        case .checkpoint: return root
        }
    }

    private func fields(of growth: GrownFrom) -> [(name: String, value: String?)] {
        let signed =
            growth.isSigned
            ? "as \(checkpoint.origin) had signed before"
            : "hold that against the checkpoint you have, or give it by --older"
        return [
            ("growth", "goes on from \(growth.size) entries"),
            ("", "whose root is \(growth.root)"), ("", signed),
        ]
    }

    private var root: [(name: String, value: String?)] {
        [
            ("root", checkpoint.root.description),
            ("signed by", checkpoint.signers.map(\.description).joined(separator: ", ")),
        ]
    }

    // MARK: JSON

    func printJSON(on output: Output) {
        var writer = JSONWriter()
        writer.object { object in
            object.field("proven", true)
            object.field("sort", sort)
            object.field("origin", checkpoint.origin)
            object.field("size", checkpoint.size)
            object.field("root", checkpoint.root.description)
            object.name("witnesses")
            object.array { array in
                for cosignature in checkpoint.cosignatures {
                    array.object { object in
                        object.field("name", cosignature.witness.name)
                        object.field("time", cosignature.timestamp)
                    }
                }
            }
            write(to: &object)
        }
        writer.newline()
        output.write(writer.bytes)
    }

    private func write(to object: inout JSONWriter) {
        switch checked {
        case .entry(let evidence):
            keyFields(of: evidence, to: &object)
            object.name("entry")
            object.entry(evidence.entry, names: evidence.names)
        case .proof(_, let entry):
            object.name("entry")
            object.entry(entry, names: EvidenceNames())
        case .place(_, let place):
            object.field("position", place.proof.index)
            object.field("leaf", place.leaf.description)
        case .statement(let statement):
            object.field("viewer", statement.statement.viewer)
            object.field("leaf", statement.statement.leaf.description)
            object.field("entry_is_in_file", statement.entry != nil)
            object.name("view")
            object.raw(view?.json ?? statement.view)
        case .growth:
            object.field("from", growth?.size)
            object.field("from_root", growth?.root.description)
            object.field("from_is_signed", growth?.isSigned)
        case .checkpoint: break
        }
    }

    /// The keys of a rotation as they are published, and the names of a restored ledger.
    private func keyFields(of evidence: EvidenceBundle.Checked, to object: inout JSONWriter) {
        switch evidence.entry.command.engineAct {
        case .rotates(let rotation):
            object.name("rotation")
            object.object { object in
                for (name, key) in [("former", rotation.previous), ("new", rotation.key)] {
                    object.name(name)
                    object.object { object in
                        let verifier = try? VerifierKey(named: checkpoint.origin, key)
                        object.field("key", verifier?.description)
                        object.field("fingerprint", fingerprint(of: key))
                    }
                }
                object.field("is_signed", evidence.ledger.map { rotation.isSigned(of: $0) })
            }
        case .restores(let restoration):
            object.name("restoration")
            object.object { object in
                object.field("former", evidence.ledger?.origin)
                object.field("new", restoration.ledger.origin)
                let lost = restoration.lostPositions(behind: evidence.entry.position)
                object.field("lost_from", lost?.lowerBound)
                object.field("lost_to", lost?.upperBound)
            }
        case .creates, .opens, .closes, .extends, nil: break
        }
    }
}

extension SignedCheckpoint.Verified.Witnessing {
    fileprivate var timestamp: Timestamp { Timestamp(evidenceSeconds: seconds) }

    fileprivate var words: String { "\(witness.name) at \(timestamp.rfc3339)" }
}
