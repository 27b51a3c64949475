// One entry as evidence: the entry, the entries that give its handles their names, and the proofs
// of all of them under one checkpoint. To be kept by whom it concerns, and checked without the
// ledger.
//
//      gavel-evidence/v1
//      entries NUMBER
//      for each, the one asked for first, the others by position:
//          extra BASE64              the entry's bytes
//          index POSITION
//          BASE64                    a line for each hash, from the leaf up
//                                    an empty line
//      the checkpoint file
//
// `c2sp.org/tlog-proof@v1`, a part and the checkpoint file are a whole proof file for other tools.
//
// Where the ledger's key was rotated, the entries that say so are among the others: whoever trusts
// a former key follows them to the one that signed the checkpoint.
//
// Invariant: nothing of an entry is given out before the checkpoint's signature, the entry's place
// under its root, and all names are proven.

public import AuctionDomain
internal import Platform

/// A file that proves one entry, read but not checked.
///
///     let evidence = try EvidenceBundle(parsing: bytes)
///     let checked = try evidence.check(by: [key])
///     print(checked.names.id(of: bidder))
public struct EvidenceBundle: Hashable, Sendable {
    static let header = "gavel-evidence/v1"
    /// The most entries of one file; no entry of a ledger has near as many handles.
    public static let entriesMax = 256

    private let parts: [ProofPart]
    /// The log's head. Not checked yet.
    public let checkpoint: SignedCheckpoint

    /// Reads a file of evidence.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    public init(parsing bytes: [UInt8]) throws(EvidenceError) {
        var lines = LineReader("a file of evidence", bytes)
        guard try lines.line().elementsEqual(Self.header.utf8) else {
            throw .malformed("a file of evidence begins with \(Self.header)")
        }
        let count = try lines.number(after: "entries")
        guard count >= 1, count <= UInt64(Self.entriesMax) else {
            throw .malformed("a file of evidence has 1 to \(Self.entriesMax) entries, not \(count)")
        }
        var parts: [ProofPart] = []
        for _ in 0..<count {
            let part = try ProofPart(&lines)
            guard part.extra != nil else {
                throw .malformed("a file of evidence lacks an entry's line `extra BASE64`")
            }
            parts.append(part)
        }
        let positions = parts.dropFirst().map(\.proof.index)
        guard zip(positions, positions.dropFirst()).allSatisfy({ $0 < $1 }),
            !positions.contains(parts[0].proof.index)
        else { throw .malformed("the entries in a file of evidence are out of order") }
        self.parts = parts
        checkpoint = try SignedCheckpoint(parsing: lines.rest)
    }

    /// Makes the evidence for an entry of a log.
    ///
    /// It holds the whole entry and the whole entries it rests on, also what the public is not
    /// shown: a maximum, a reserve.
    /// - Parameters:
    ///   - position: the entry's, below the checkpoint's size.
    ///   - checkpoint: a signed head of the log.
    ///   - entries: the log's.
    ///   - tree: the log's nodes, as far as the checkpoint reaches.
    ///   - showsKeys: whether the entries that say something about keys come with it.
    /// - Throws: `EvidenceError` with `notProven` or `incomplete`; `LogFault` where the log is not
    ///   what was signed; `FileError`.
    /// - Complexity: as `EvidenceNames.registrations`, and the nodes of the proofs.
    static func make(
        position: UInt64, checkpoint: SignedCheckpoint, entries: CheckedEntries,
        tree: some TreeHashes, showsKeys: Bool = false
    ) throws -> EvidenceBundle {
        let size = checkpoint.checkpoint.size
        guard position < size,
            let bytes = try entries.bytes(in: position..<position + 1).first
        else {
            throw EvidenceError(
                .notProven, "the \(size) entries that are signed hold none at \(position)")
        }
        let entry = try LedgerEntry(evidence: bytes, at: position)
        var others = try EvidenceNames.registrations(for: entry, in: entries)
        if showsKeys || entry.command.isAboutKeys {
            let keys = try entries.keyEntries(before: size).filter { $0.entry.position != position }
            others += chosen(keys, room: max(0, entriesMax - 1 - others.count), for: position)
                .map { ($0.entry.position, $0.bytes) }
            others.sort { $0.position < $1.position }
        }
        return try EvidenceBundle(
            parts: ([(position, bytes)] + others).map { position, bytes in
                ProofPart(
                    extra: bytes,
                    proof: try InclusionProof.make(
                        of: bytes, at: position, in: tree, under: checkpoint))
            }, checkpoint: checkpoint)
    }

    /// Those of the entries about keys that go into a file: the newest, as many as there is room
    /// for (an older key is followed by more than one file then), and those that gave the ledger
    /// the name that the first of these, and the entry itself, are signed for.
    private static func chosen(
        _ keys: [(entry: LedgerEntry, bytes: [UInt8])], room: Int, for position: UInt64
    ) -> [(entry: LedgerEntry, bytes: [UInt8])] {
        guard keys.count > room else { return keys }
        let newest = keys.suffix(max(0, room - 2))
        let older = keys.dropLast(newest.count)
        let names = Set(
            [position, .max].compactMap { end in
                older.last { $0.entry.command.namesLedger && $0.entry.position < end }?
                    .entry.position
            })
        return older.filter { names.contains($0.entry.position) }.suffix(room) + newest
    }

    /// - Throws: `EvidenceError.incomplete` when the entries are more than a file may have.
    init(parts: [ProofPart], checkpoint: SignedCheckpoint) throws(EvidenceError) {
        guard parts.count <= Self.entriesMax else {
            throw EvidenceError(
                .incomplete,
                "the entry rests on \(parts.count - 1) others; with it a file of evidence has at "
                    + "most \(Self.entriesMax)")
        }
        self.parts = parts
        self.checkpoint = checkpoint
    }

    /// The file.
    public var bytes: [UInt8] {
        let head = "\(Self.header)\nentries \(parts.count)\n"
        return Array((head + parts.map(\.text).joined()).utf8) + checkpoint.bytes
    }

    /// Each entry's proof as a file of its own, for tools that know only those.
    package var proofFiles: [ProofFile] {
        parts.map { ProofFile(extra: $0.extra, proof: $0.proof, checkpoint: checkpoint) }
    }

    /// Checks everything: the signature, every entry's place, that entries are what they should
    /// be, and that all names are there. Needs nothing but the key.
    /// - Parameters:
    ///   - keys: keys of the ledger, from a source that is trusted.
    ///   - witnesses: keys of witnesses to look for.
    /// - Throws: `EvidenceError` with `notSigned`, `notProven`, `incomplete` or `malformed`.
    public func check(
        by keys: [VerifierKey], witnesses: [VerifierKey] = []
    ) throws(EvidenceError) -> Checked {
        // Whose signature is to be expected may stand in the entries themselves: they are held
        // against the root first, and the root against the signature before anything is given out.
        var entries: [LedgerEntry] = []
        var names = EvidenceNames()
        for part in parts {
            let bytes = part.extra ?? []
            try part.proof.verify(entry: bytes, under: checkpoint.checkpoint)
            let entry = try LedgerEntry(evidence: bytes, at: part.proof.index)
            try names.take(entry)
            entries.append(entry)
        }
        var chain = KeyChain(trusting: keys)
        for entry in entries.sorted(by: { $0.position < $1.position }) { chain.take(entry.command) }
        let verified = try checkpoint.verified(by: chain.keys, witnesses: witnesses)
        let missing = names.missing(for: entries[0])
        guard missing.isEmpty else {
            throw EvidenceError(
                .incomplete, "the entry that registers \(missing.words) is not in the evidence")
        }
        return Checked(
            checkpoint: verified, entry: entries[0], leaf: LedgerHash(leaf: parts[0].extra ?? []),
            registrations: Array(entries.dropFirst()),
            names: names, keys: chain.keys)
    }
}

extension EvidenceBundle {
    /// What evidence has proven.
    public struct Checked: Sendable {
        /// The signed head that all of it stands under.
        public let checkpoint: SignedCheckpoint.Verified
        /// The entry that was asked for.
        public let entry: LedgerEntry
        /// The entries that give its handles their names, and those that say something about keys,
        /// by position.
        public let registrations: [LedgerEntry]
        /// What the handles of the entry stand for.
        package let names: EvidenceNames
        /// The keys it was checked by, and those that follow from them by the rotations in it.
        public let keys: [VerifierKey]

        /// What the ledger's id was just before the entry, as far as the evidence holds the entry
        /// that says so: what a rotation of the key is signed for.
        public var ledger: LedgerID? {
            for other in registrations.reversed() where other.position < entry.position {
                switch other.command.engineAct {
                case .creates(let id): return id
                case .restores(let restoration): return restoration.ledger
                case .opens, .closes, .rotates, .extends, nil: continue
                }
            }
            return nil
        }

        /// The leaf hash of the entry.
        package let leaf: LedgerHash

        fileprivate init(
            checkpoint: SignedCheckpoint.Verified, entry: LedgerEntry, leaf: LedgerHash,
            registrations: [LedgerEntry],
            names: EvidenceNames, keys: [VerifierKey]
        ) {
            self.keys = keys
            self.leaf = leaf
            self.checkpoint = checkpoint
            self.entry = entry
            self.registrations = registrations
            self.names = names
        }
    }
}

extension CanonicalCommand {
    /// Whether the entry itself changes whose signature counts.
    fileprivate var isAboutKeys: Bool {
        switch engineAct {
        case .rotates, .restores: true
        case .creates, .opens, .closes, .extends, nil: false
        }
    }
}

extension CanonicalCommand {
    /// Whether the entry gives the ledger the name that later rotations are signed for.
    fileprivate var namesLedger: Bool {
        switch engineAct {
        case .creates, .restores: true
        case .opens, .closes, .rotates, .extends, nil: false
        }
    }
}

extension LedgerEntry {
    /// Reads the bytes of an entry whose place is known.
    /// - Throws: `EvidenceError.notProven` when they are of another place, or are no entry.
    package init(evidence bytes: [UInt8], at position: UInt64) throws(EvidenceError) {
        var decoded = DecodedEntry()
        do {
            try withBytes(of: bytes) { try decoded.decode($0, in: 0..<bytes.count) }
        } catch {
            throw EvidenceError(
                .notProven, "what stands at position \(position) is not understood: \(error)")
        }
        guard decoded.point.position == position else {
            throw EvidenceError(
                .notProven,
                "the entry at position \(position) says that it stands at "
                    + "\(decoded.point.position)")
        }
        self = decoded.entry
    }
}
