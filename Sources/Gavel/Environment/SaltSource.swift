// Salts: 8 bytes at the end of an entry that mean nothing and that nobody can guess.
//
// The leaf hashes of all entries are public. A caller's entry holds the caller's command id, which
// nobody else knows; an entry of the engine's own has no id, and an import makes the ids out of the
// lines. Without a salt, whoever knows the rest of such an entry finds an amount in it by hashing
// every candidate (decision 0021).
//
// Invariants: nothing is decided by a salt and no state holds one; whoever reads a log takes salts
// from its entries and never makes them again.

internal import AuctionDomain

/// Which entries carry a salt, and where it comes from.
package enum Salting: Sendable {
    /// Entries of the engine's own, from a secret that each opening draws and forgets.
    case drawn
    /// Entries of the engine's own, from a known secret: for tests that compare bytes.
    case fixed(LedgerHash)
    /// Every entry, from the hash over all files of an import.
    case imported(LedgerHash)
    /// No entry, as in logs from before there were salts: for vectors of that time.
    case none
}

/// Gives the entries of one opening their salts: the first 8 bytes of
/// SHA-256(0x03 ‖ secret ‖ position), the position as a u64 in little endian.
///
/// One salt says nothing of another without the secret, so an entry can be handed out with its own.
struct SaltSource {
    private let secret: LedgerHash?
    private let saltsCommands: Bool

    init(_ salting: Salting) {
        switch salting {
        case .drawn: (secret, saltsCommands) = (Self.draw(), false)
        case .fixed(let secret): (self.secret, saltsCommands) = (secret, false)
        case .imported(let fingerprint): (secret, saltsCommands) = (fingerprint, true)
        case .none: (secret, saltsCommands) = (nil, false)
        }
    }

    /// The salt of an entry without a command id.
    func ofEngine(at position: UInt64) -> UInt64? {
        secret.map { LedgerHash.salt($0, at: position).words.0.littleEndian }
    }

    /// The salt of an entry with a command id.
    @inline(__always)
    func ofCommand(at position: UInt64) -> UInt64? {
        saltsCommands ? ofEngine(at: position) : nil
    }

    private static func draw() -> LedgerHash {
        var generator = SystemRandomNumberGenerator()
        return LedgerHash(
            words: (generator.next(), generator.next(), generator.next(), generator.next()))
    }
}
