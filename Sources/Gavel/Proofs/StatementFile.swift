// A signed statement with all that is needed to check it:
//
//      gavel-statement/v1
//      view JSON                     what the entry says to the viewer, on one line
//                                    an empty line
//      the statement, a signed note
//                                    an empty line
//      extra BASE64                  the entry's bytes, where they concern the viewer alone
//      index POSITION
//      BASE64                        a line for each hash, from the leaf up
//                                    an empty line
//      the checkpoint file
//
// What this proves: that an entry with the statement's leaf hash stands at its position, and that
// the ledger said of it what the view says. That the entry says so too is proven only where its
// bytes are in the file; otherwise an auditor who has the entry can convict a false statement.
//
// Invariant: nothing of a view is given out before the signatures, the entry's place and the
// view's hash are proven.

package import AuctionDomain

/// A file that holds a signed statement, read but not checked.
///
///     let checked = try StatementFile(parsing: bytes).check(by: [key])
///     let view = try EntryView(checked)
package struct StatementFile: Hashable, Sendable {
    static let header = "gavel-statement/v1"
    /// The longest view in bytes; what an entry holds is far below.
    package static let viewBytesMax = 1_000_000

    private let view: [UInt8]
    /// What is said. Not checked yet.
    package let statement: EntryStatement
    private let note: SignedNote
    private let part: ProofPart
    /// The log's head. Not checked yet.
    package let checkpoint: SignedCheckpoint

    /// Reads a file.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    package init(parsing bytes: [UInt8]) throws(EvidenceError) {
        var lines = LineReader("a statement's file", bytes)
        guard try lines.line().elementsEqual(Self.header.utf8) else {
            throw .malformed("a statement's file begins with \(Self.header)")
        }
        guard let view = try lines.value(after: "view") else {
            throw .malformed("a statement's file lacks its line `view JSON`")
        }
        self.view = Array(view)
        guard view.count <= Self.viewBytesMax else {
            throw .malformed("a view has at most \(Self.viewBytesMax) bytes, not \(view.count)")
        }
        guard try lines.line().isEmpty else {
            throw .malformed("a statement's file has an empty line behind the view")
        }
        let text = try lines.paragraph()
        note = try SignedNote(parsing: text + [0x0A] + (try lines.paragraph()))
        statement = try EntryStatement(parsing: note.text)
        part = try ProofPart(&lines)
        checkpoint = try SignedCheckpoint(parsing: lines.rest)
    }

    private init(
        view: [UInt8], statement: EntryStatement, note: SignedNote, part: ProofPart,
        checkpoint: SignedCheckpoint
    ) {
        self.view = view
        self.statement = statement
        self.note = note
        self.part = part
        self.checkpoint = checkpoint
    }

    /// Signs what a user is told of an entry.
    /// - Parameters:
    ///   - proof: of the entry, with its bytes.
    ///   - view: one line of JSON.
    ///   - showsEntry: whether the entry's bytes go into the file.
    ///   - sign: signs with the ledger's key.
    /// - Throws: `EvidenceError` with `malformed` where a reader would refuse the view, `notProven`
    ///   where the proof does not lead from the entry to the checkpoint; what `sign` throws.
    package static func make(
        _ proof: ProofFile, for viewer: UserID, view: [UInt8], showsEntry: Bool,
        sign: (EntryStatement) throws -> SignedNote
    ) throws -> StatementFile {
        let checkpoint = proof.checkpoint.checkpoint
        let bytes = proof.extra ?? []
        let leaf = Digest(leaf: bytes)
        guard proof.proof.root(fromLeaf: leaf, size: checkpoint.size) == checkpoint.root else {
            throw EvidenceError(
                .notProven,
                "the entry at position \(proof.proof.index) is not the one that was signed")
        }
        guard view.count <= Self.viewBytesMax, !view.contains(0x0A) else {
            throw EvidenceError(
                .malformed, "a view is one line of at most \(Self.viewBytesMax) bytes")
        }
        let statement = EntryStatement(
            of: proof.proof.index, leaf: leaf, in: checkpoint, for: viewer, view: view)
        return StatementFile(
            view: view, statement: statement, note: try sign(statement),
            part: ProofPart(extra: showsEntry ? bytes : nil, proof: proof.proof),
            checkpoint: proof.checkpoint)
    }

    /// The file.
    package var bytes: [UInt8] {
        Array("\(Self.header)\nview ".utf8) + view + [0x0A, 0x0A] + note.bytes + [0x0A]
            + Array(part.text.utf8) + checkpoint.bytes
    }

    /// The entry's place as a proof file, for tools that know only those; without the entry's
    /// bytes where they are not in this file.
    package var proofFile: ProofFile {
        ProofFile(extra: part.extra, proof: part.proof, checkpoint: checkpoint)
    }

    /// Checks everything but whether the entry says what the view says.
    /// - Parameters:
    ///   - keys: keys of the ledger, from a source that is trusted.
    ///   - witnesses: keys of witnesses to look for.
    /// - Throws: `EvidenceError` with `notSigned` or `notProven`.
    package func check(
        by keys: [VerifierKey], witnesses: [VerifierKey] = []
    ) throws(EvidenceError) -> CheckedStatement {
        let verified = try checkpoint.verified(by: keys, witnesses: witnesses)
        for signer in try note.verify(by: keys.filter { $0.type == .signature })
        where !isSame(signer.name, statement.origin) {
            throw EvidenceError(
                .notSigned, "the statement is of \(statement.origin), not of \(signer.name)")
        }
        guard isSame(statement.origin, verified.origin), statement.size == verified.size,
            statement.root == verified.root
        else {
            throw EvidenceError(
                .notProven,
                "the statement is about \(statement.size) entries of \(statement.origin), but "
                    + "another checkpoint stands beside it")
        }
        guard statement.position == part.proof.index,
            part.proof.root(fromLeaf: statement.leaf, size: verified.size) == verified.root,
            part.extra.map({ Digest(leaf: $0) == statement.leaf }) ?? true
        else {
            throw EvidenceError(
                .notProven,
                "the entry is not proven to stand at position \(statement.position) of the "
                    + "\(verified.size) entries that \(verified.origin) signed")
        }
        guard Digest(of: view) == statement.viewHash else {
            throw EvidenceError(
                .notProven, "the view is not the one that \(statement.origin) signed")
        }
        return CheckedStatement(
            checkpoint: verified, statement: statement, note: note, view: view,
            entry: part.extra)
    }
}

/// A statement that is proven to be the ledger's.
package struct CheckedStatement: Sendable {
    /// The signed head that the entry stands under.
    package let checkpoint: VerifiedCheckpoint
    package let statement: EntryStatement
    /// The statement with its signature: whoever holds it can convict the ledger of a false one.
    package let note: SignedNote
    /// What the ledger says the entry says to the viewer: JSON, read by `EntryView` of GavelJSON.
    package let view: [UInt8]
    /// The entry's bytes, proven; nil where they also concern others.
    package let entry: [UInt8]?

    fileprivate init(
        checkpoint: VerifiedCheckpoint, statement: EntryStatement, note: SignedNote,
        view: [UInt8], entry: [UInt8]?
    ) {
        self.checkpoint = checkpoint
        self.statement = statement
        self.note = note
        self.view = view
        self.entry = entry
    }
}

extension LedgerEvidence {
    /// Signs what a user is told of an entry.
    /// - Parameter showing: the user's view of the entry, and whether the entry's bytes may be
    ///   shown too; nil where the entry does not concern the user.
    /// - Throws: as `proof(ofEntryAt:)`, and `EvidenceError.signing`.
    package func statementFile(
        ofEntryAt position: UInt64, for viewer: UserID,
        showing: (LedgerEntry) -> (view: [UInt8], showsEntry: Bool)?
    ) throws -> StatementFile? {
        let proof = try proof(ofEntryAt: position)
        let entry = try LedgerEntry(evidence: proof.extra ?? [], at: position)
        guard let shown = showing(entry) else { return nil }
        return try StatementFile.make(
            proof, for: viewer, view: shown.view, showsEntry: shown.showsEntry
        ) { try signed($0) }
    }
}
