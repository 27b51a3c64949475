// A text and who signed it, as C2SP signed-note has it: the text, an empty line, and a line
// `— NAME BASE64(key id ‖ signature)` for each signature. The dash is U+2014.
//
// Invariants: a note that was read is written byte for byte as it was; no note is made that would
// not be read; signatures of unknown keys say nothing and are kept; one wrong signature of a known
// key and the note proves nothing.

/// A text with signatures that nobody has checked yet.
package struct SignedNote: Hashable, Sendable {
    /// One signature as it stands in a note.
    package struct Signature: Hashable, Sendable {
        /// The name of the key it claims to be of.
        package let name: String
        package let keyID: UInt32
        /// What follows the key id, as the key's type has it.
        package let bytes: [UInt8]
    }

    /// The longest note that is read, in bytes.
    package static let bytesMax = 1_000_000
    /// The most signatures that are read.
    package static let signaturesMax = 100

    /// What is signed, its last line end included. Not to be believed before a signature is.
    package let text: String
    package private(set) var signatures: [Signature]

    /// Reads a note.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    package init(parsing bytes: [UInt8]) throws(EvidenceError) {
        guard bytes.count <= Self.bytesMax else {
            throw .malformed("a note has at most \(Self.bytesMax) bytes, not \(bytes.count)")
        }
        guard !bytes.contains(where: { $0 < 0x20 && $0 != 0x0A }) else {
            throw .malformed("a note holds a control character")
        }
        _ = try validText(bytes, "a note")
        // The last empty line; the text keeps its own line end.
        let end = (1..<max(1, bytes.count)).last { bytes[$0 - 1] == 0x0A && bytes[$0] == 0x0A }
        guard let end else { throw .malformed("a note has no empty line before its signatures") }
        text = try validText(bytes[..<end], "a note's text")
        var lines = LineReader("a note", Array(bytes[(end + 1)...]))
        signatures = []
        repeat {
            guard signatures.count < Self.signaturesMax else {
                throw .malformed("a note has more than \(Self.signaturesMax) signatures")
            }
            signatures.append(try Signature(line: try lines.line()))
        } while !lines.isAtEnd
    }

    /// Makes a note without signatures; `adding` gives it some.
    init(text: String) {
        self.text = text
        signatures = []
    }

    /// The note as it is stored and sent.
    package var bytes: [UInt8] {
        var bytes = Array(text.utf8) + [0x0A]
        for signature in signatures { bytes += signature.line.utf8 }
        return bytes
    }

    /// The note with one more signature, in the place of an earlier one by the same key.
    /// - Throws: `EvidenceError.signing` when nobody could read that note: it would have too many
    ///   signatures or bytes, or its text may not stand in a note.
    func adding(_ signature: Signature) throws(EvidenceError) -> SignedNote {
        var note = self
        note.signatures.removeAll { $0.isBySameKey(as: signature) }
        note.signatures.append(signature)
        do {
            _ = try SignedNote(parsing: note.bytes)
        } catch {
            throw EvidenceError(
                .signing,
                "\(signature.name) did not sign, because nobody could read the note: "
                    + error.reason)
        }
        return note
    }

    /// Finds which of the known keys signed.
    /// - Returns: at least one key, in the order of the signatures, each once.
    /// - Throws: `EvidenceError.notSigned` when none did, or when one signature that claims to be
    ///   of a known key is not.
    /// - Complexity: one check of a signature for each of a known key.
    package func verify(by keys: [VerifierKey]) throws(EvidenceError) -> [VerifierKey] {
        var found: [VerifierKey] = []
        for signature in signatures {
            for key in keys where signature.claims(key) {
                try check(signature, by: key)
                if !found.contains(key) { found.append(key) }
            }
        }
        guard !found.isEmpty else {
            let known = keys.map { "\($0.name)+\(hex($0.id))" }.joined(separator: ", ")
            let signers = signatures.map { "\($0.name)+\(hex($0.keyID))" }.joined(separator: ", ")
            throw EvidenceError(
                .notSigned, "expected a signature of \(known); found those of \(signers)")
        }
        return found
    }

    /// Checks a signature that claims to be of a key.
    /// - Throws: `notSigned`.
    func check(_ signature: Signature, by key: VerifierKey) throws(EvidenceError) {
        guard signature.isValid(for: text, by: key) else {
            throw EvidenceError(
                .notSigned, "the signature of \(key.name)+\(hex(key.id)) is wrong")
        }
    }
}

extension SignedNote.Signature {
    private static let dash = [UInt8]("— ".utf8)

    /// Reads a line without its end.
    init(line: ArraySlice<UInt8>) throws(EvidenceError) {
        guard line.starts(with: Self.dash) else {
            throw .malformed("a note's signature line does not begin with a dash and a space")
        }
        let parts = line.dropFirst(Self.dash.count).split(
            separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .malformed("a note's signature line lacks a part") }
        name = try validText(parts[0], "a key's name")
        try checkKeyName(name)
        guard let decoded = Base64.decode(parts[1]), decoded.count > 4 else {
            throw .malformed("a note's signature is not base64 of more than 4 bytes")
        }
        keyID = decoded.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        bytes = Array(decoded.dropFirst(4))
    }

    init(by key: VerifierKey, bytes: [UInt8]) {
        name = key.name
        keyID = key.id
        self.bytes = bytes
    }

    /// The line with its end.
    var line: String {
        let id = (0..<4).map { UInt8(truncatingIfNeeded: keyID >> (24 - 8 * UInt32($0))) }
        return "— \(name) \(Base64.encode(id + bytes))\n"
    }

    func claims(_ key: VerifierKey) -> Bool { keyID == key.id && isSame(name, key.name) }

    func isBySameKey(as other: Self) -> Bool {
        keyID == other.keyID && isSame(name, other.name)
    }

    fileprivate func isValid(for text: String, by key: VerifierKey) -> Bool {
        switch key.type {
        case .signature: key.isSignature(bytes, of: Array(text.utf8))
        case .cosignature: Cosignature(self)?.isValid(for: text, by: key) ?? false
        }
    }
}
