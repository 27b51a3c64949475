// What a ledger signs about one entry for one person: which entry it is, and what of it concerns
// that person. For those who may not have the entry's bytes, because the same entry also concerns
// others.
//
// The text is a C2SP signed note of eight lines:
//
//      gavel.statement/v1
//      ORIGIN                        the ledger's name, and the name of the key that signs
//      SIZE                          the entries of the checkpoint that goes with the statement
//      ROOT                          its root, in base64
//      POSITION                      the entry's
//      LEAF                          the entry's leaf hash, in base64
//      VIEWER                        the user whom it is for
//      VIEW                          SHA-256 of the viewer's view, in base64
//
// Invariant: no statement is a checkpoint and no checkpoint a statement: the second line of the one
// is a name and of the other a number, and a ledger's key signs only what bears the key's own name.

package import AuctionDomain

/// What a ledger says of one entry to one user. Not to be believed before its signature is.
package struct EntryStatement: Hashable, Sendable {
    /// The first line: no other text that a key signs begins so.
    private static let header = "gavel.statement/v1"

    package let origin: String
    /// The size and the root of the signed head that the entry is proven under.
    package let size: UInt64
    package let root: Digest
    package let position: UInt64
    /// The entry's leaf hash: SHA-256(0x00 ‖ entry).
    package let leaf: Digest
    package let viewer: UserID
    /// SHA-256 of the view's bytes.
    package let viewHash: Digest

    package init(
        of position: UInt64, leaf: Digest, in checkpoint: Checkpoint, for viewer: UserID,
        view: [UInt8]
    ) {
        origin = checkpoint.origin
        size = checkpoint.size
        root = checkpoint.root
        self.position = position
        self.leaf = leaf
        self.viewer = viewer
        viewHash = Digest(of: view)
    }

    /// Reads the text of a statement, its last line end included.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    package init(parsing text: String) throws(EvidenceError) {
        var lines = LineReader("a statement", Array(text.utf8))
        guard try lines.line().elementsEqual(Self.header.utf8) else {
            throw .malformed("a statement begins with \(Self.header)")
        }
        origin = try validText(try lines.line(), "a statement's origin")
        try checkKeyName(origin)
        size = try Self.number(&lines, "the number of entries")
        root = try Self.hash(&lines, "the root")
        position = try Self.number(&lines, "the entry's position")
        leaf = try Self.hash(&lines, "the entry's leaf hash")
        let viewer = try validText(try lines.line(), "a statement's viewer")
        do { self.viewer = try UserID(viewer) } catch {
            throw .malformed("a statement's viewer is no user: \(error.reason)")
        }
        viewHash = try Self.hash(&lines, "the hash of the view")
        guard lines.isAtEnd else { throw .malformed("a statement has more than eight lines") }
    }

    private static func number(
        _ lines: inout LineReader, _ what: String
    ) throws(EvidenceError) -> UInt64 {
        guard let number = UInt64(evidence: try lines.line()) else {
            throw .malformed("a statement lacks \(what)")
        }
        return number
    }

    private static func hash(
        _ lines: inout LineReader, _ what: String
    ) throws(EvidenceError) -> Digest {
        guard let hash = Digest(base64: try lines.line()) else {
            throw .malformed("a statement lacks \(what) in base64")
        }
        return hash
    }

    /// The text that is signed.
    package var text: String {
        let lines = [
            Self.header, origin, String(size), root.base64, String(position), leaf.base64,
            viewer.string, viewHash.base64,
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Signs the statement.
    /// - Throws: `EvidenceError.signing`, also where the key is not of the statement's origin.
    package func signed(by key: SigningKey) throws(EvidenceError) -> SignedNote {
        guard isSame(key.verifier.name, origin) else {
            throw EvidenceError(
                .signing, "the checkpoint is of \(origin), the key of \(key.verifier.name)")
        }
        let signature = try key.signature(of: Array(text.utf8))
        return try SignedNote(text: text)
            .adding(SignedNote.Signature(by: key.verifier, bytes: signature))
    }
}
