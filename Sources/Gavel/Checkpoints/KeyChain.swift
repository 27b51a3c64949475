// From a key that is trusted to the keys it let sign after it: each rotation of a ledger's key is
// an entry in which the former key signs the new one.
//
// Invariant: a key is added only for a signature by a key that was trusted before.

internal import AuctionDomain
internal import Platform
internal import Synchronization

/// The keys of a log that follow from those somebody trusts.
struct KeyChain {
    /// Those trusted at first, then those that they, or keys after them, let sign.
    private(set) var keys: [VerifierKey]
    /// What the rotations that follow are signed for.
    private var ledger: LedgerID?

    /// The kinds of entries that say something about keys.
    static let kinds: [EntryKind] = [.createLedger, .rotateKey, .restoreLedger]

    init(trusting keys: [VerifierKey]) { self.keys = keys }

    /// Takes up what an entry says about keys, in the order of the log.
    mutating func take(_ command: CanonicalCommand) {
        switch command.engineAct {
        case .creates(let id): ledger = id
        // Under another name another key signs, and none before it says which.
        case .restores(let restoration): ledger = restoration.ledger
        case .rotates(let rotation): take(rotation)
        case .opens, .closes, .extends, nil: break
        }
    }

    private mutating func take(_ rotation: KeyRotation) {
        let previous = rotation.previous.bytes
        let formers = keys.filter { $0.type == .signature && $0.publicKey == previous }
        guard let ledger, !formers.isEmpty, rotation.isSigned(of: ledger) else { return }
        for former in formers {
            let next = try? VerifierKey(named: former.name, rotation.key)
            if let next, !keys.contains(next) { keys.append(next) }
        }
    }
}

extension SignedCheckpoint {
    /// Whether a signature claims to be of one of the keys.
    package func isClaimed(byOneOf keys: [VerifierKey]) -> Bool {
        note.signatures.contains { signature in keys.contains { signature.claims($0) } }
    }
}

extension CheckedEntries {
    /// The entries below a position that say something about keys, in order.
    /// - Complexity: O(entries), of which all but those are passed over unread.
    func keyEntries(before end: UInt64) throws -> [(entry: LedgerEntry, bytes: [UInt8])] {
        var found: [(entry: LedgerEntry, bytes: [UInt8])] = []
        try forEachEntry(of: KeyChain.kinds, before: end) { entry, bytes in
            found.append((entry, bytes.array()))
            return true
        }
        return found
    }

    /// The keys that follow from some, by the rotations in the log.
    /// - Complexity: as `keyEntries`.
    func keys(followedFrom keys: [VerifierKey], before end: UInt64) throws -> [VerifierKey] {
        var chain = KeyChain(trusting: keys)
        for item in try keyEntries(before: end) { chain.take(item.entry.command) }
        return chain.keys
    }
}

extension LedgerReader {
    /// The keys that the ledger itself says are its own: the one in its folder, and those that its
    /// rotations name under its present name.
    /// - Throws: `LedgerError` with `keyMismatch`, `damaged` or `storage`.
    /// - Complexity: as `keys(followedFrom:)`.
    package func ownKeys() throws -> [VerifierKey] {
        guard let key = try verifierKey() else { return [] }
        var keys = [key]
        guard hasRotations else { return keys }
        do {
            for item in try reading.entries.keyEntries(before: reflects) {
                guard case .rotateKey(let rotation) = item.entry.command else { continue }
                keys += try [rotation.previous, rotation.key].map {
                    try VerifierKey(named: key.name, $0)
                }
            }
        } catch { throw LedgerError(error, while: "reading the ledger's keys") }
        return keys
    }
}

extension LedgerEvidence {
    /// The keys that follow from trusted ones by the rotations that the log holds: each was signed
    /// by the key before it.
    /// - Throws: `LedgerError` with `damaged` or `storage`.
    /// - Complexity: O(1) for a ledger whose key was never rotated under its present name, else
    ///   O(entries).
    package func keys(followedFrom keys: [VerifierKey]) throws -> [VerifierKey] {
        do {
            guard hasRotations else { return keys }
            return try reading.entries.keys(followedFrom: keys, before: reflects)
        } catch {
            throw LedgerError(error, while: "following the ledger's keys")
        }
    }

    /// Whether the key was rotated since the ledger got its present name.
    var hasRotations: Bool { reading.readState.withLock { $0.state.signingKey != nil } }
}
