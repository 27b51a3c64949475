// The proofs of a service in JSON, which say the same as the files of a ledger:
//
//     {"from":10,"size":32,"hashes":["…"],"checkpoint":"…"}               /log/proof/consistency
//     {"index":7,"leaf":"…","size":32,"hashes":["…"],"checkpoint":"…"}    /log/proof/inclusion
//     {"size":32,"root":"…","time":"…","note":"…"}                    an item of /log/checkpoints
//
// Invariant: every member is there and is proven or compared: what stands beside a note is what the
// note says, so that nobody takes one for proven that is not.

public import Gavel

extension EvidenceFile {
    /// Reads a file of any sort, or the answer of a service that was kept as a file.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    public init(parsingOrJSON bytes: [UInt8]) throws(EvidenceError) {
        // No file of evidence is a JSON object.
        guard bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{"),
            case .object(let members)? = try? JSONValue(parsing: bytes)
        else {
            try self.init(parsing: bytes)
            return
        }
        try self.init(EvidenceMembers(members))
    }

    private init(_ members: EvidenceMembers) throws(EvidenceError) {
        if members["from"] != nil {
            let checkpoint = try members.checkpoint("checkpoint")
            let proof = try ConsistencyProof(
                oldSize: try members.number("from"), newSize: checkpoint.checkpoint.size,
                hashes: try members.hashes())
            try members.checkSize(of: checkpoint)
            self = .growth(proof, checkpoint)
        } else if members["index"] != nil {
            let checkpoint = try members.checkpoint("checkpoint")
            let proof = try InclusionProof(
                index: try members.number("index"), hashes: try members.hashes())
            try members.checkSize(of: checkpoint)
            self = .place(
                LeafProof(leaf: try members.leaf, proof: proof, checkpoint: checkpoint))
        } else if case .array(let items)? = members["items"] {
            guard items.count == 1, case .object(let item) = items[0] else {
                throw EvidenceError(
                    .malformed, "it is a list of \(items.count), expected one checkpoint: limit=1")
            }
            self = .checkpoint(try EvidenceMembers(item).keptCheckpoint())
        } else {
            self = .checkpoint(try members.keptCheckpoint())
        }
    }
}

/// The members of an answer.
private struct EvidenceMembers {
    private let members: [JSONMember]

    init(_ members: [JSONMember]) { self.members = members }

    subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }

    private func lacks(_ name: String, _ what: String) -> EvidenceError {
        EvidenceError(.malformed, "it is JSON, but no proof of a service: \(name) is not \(what)")
    }

    func number(_ name: String) throws(EvidenceError) -> UInt64 {
        guard case .integer(let number)? = self[name], number >= 0 else {
            throw lacks(name, "a number of entries")
        }
        return UInt64(number)
    }

    private func hash(_ value: JSONValue?, _ name: String) throws(EvidenceError) -> LedgerHash {
        guard case .string(let text)? = value, let hash = LedgerHash(base64: text) else {
            throw lacks(name, "a hash in base64")
        }
        return hash
    }

    var leaf: LedgerHash {
        get throws(EvidenceError) { try hash(self["leaf"], "leaf") }
    }

    func hashes() throws(EvidenceError) -> [LedgerHash] {
        guard case .array(let values)? = self["hashes"] else { throw lacks("hashes", "a list") }
        var hashes: [LedgerHash] = []
        for value in values { hashes.append(try hash(value, "each of hashes")) }
        return hashes
    }

    func checkpoint(_ name: String) throws(EvidenceError) -> SignedCheckpoint {
        guard case .string(let text)? = self[name] else { throw lacks(name, "a signed note") }
        return try SignedCheckpoint(parsing: Array(text.utf8))
    }

    /// A checkpoint with what it says beside it.
    func keptCheckpoint() throws(EvidenceError) -> SignedCheckpoint {
        let signed = try checkpoint("note")
        try checkSize(of: signed)
        guard try hash(self["root"], "root") == signed.checkpoint.root else {
            throw lacks("root", "its checkpoint's")
        }
        let time = signed.claimedTime.map { JSONValue.string($0.rfc3339) } ?? .null
        guard self["time"] == time else { throw lacks("time", "its checkpoint's") }
        return signed
    }

    func checkSize(of checkpoint: SignedCheckpoint) throws(EvidenceError) {
        guard try number("size") == checkpoint.checkpoint.size else {
            throw lacks("size", "its checkpoint's")
        }
    }
}
