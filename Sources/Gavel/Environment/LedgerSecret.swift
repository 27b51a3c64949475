// What only the ledger knows: 32 random bytes, from which it derives whatever outsiders must
// neither guess nor forge. It is not the key that signs checkpoints: that one speaks for the ledger
// to others, this one never leaves it.
//
// Invariants: the record is readable by its owner alone, is written once, whole, and never
// changes; a backup carries it, so that a restored ledger knows the calls of before; an archive,
// which is for others to read, does not. Each use has a key of its own, so that nothing derived for
// one use says anything of another.

internal import AuctionDomain
internal import Crypto
internal import Logging
internal import Platform

/// The secret of a ledger, as keys for its uses.
package struct LedgerSecret: Sendable {
    /// What codes are derived for. The raw values are part of what is derived: they never change.
    package enum Use: String, CaseIterable, Sendable {
        /// Whether a cursor is one of ours, and its bytes hidden.
        case cursorTag = "gavel cursor tag"
        case cursorMask = "gavel cursor mask"
        /// The ids of commands that a service submits for its callers.
        case commandID = "gavel command id"
        case signUpID = "gavel sign-up id"
        /// The names of auctions that were opened without one.
        case auctionName = "gavel auction name"
    }

    package static let byteCount = 32

    private let bytes: [UInt8]
    /// A prepared HMAC for each use, in their order.
    private let codes: [HMAC<SHA256>]

    /// - Precondition: there are `byteCount` bytes.
    package init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a ledger's secret has 32 bytes")
        self.bytes = bytes
        let secret = SymmetricKey(data: bytes)
        codes = Use.allCases.map { use in
            HMAC<SHA256>(
                key: HKDF<SHA256>.deriveKey(
                    inputKeyMaterial: secret, info: Array(use.rawValue.utf8),
                    outputByteCount: Self.byteCount))
        }
    }

    /// A new one.
    package static func generate() -> LedgerSecret {
        var generator = SystemRandomNumberGenerator()
        return LedgerSecret(
            (0..<byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// The 32 bytes that the secret makes of a message, for one use (RFC 2104 with SHA-256).
    /// - Complexity: that of a hash of the message and of one block more.
    package func code(_ use: Use, of message: [UInt8]) -> [UInt8] {
        // The cases of `Use` are their places in `allCases`.
        let place =
            switch use {
            case .cursorTag: 0
            case .cursorMask: 1
            case .commandID: 2
            case .signUpID: 3
            case .auctionName: 4
            }
        var code = codes[place]
        code.update(data: message)
        return Array(code.finalize())
    }
}

// MARK: The record

extension LedgerSecret {
    /// The secret in a store; nil where there is none.
    /// - Throws: `LedgerError` with `damaged` where the record is not a secret, or `storage`.
    static func read(in store: any LedgerStore) throws(LedgerError) -> LedgerSecret? {
        let place = store.place(of: .secret)
        let bytes: [UInt8]?
        do { bytes = try store.read(.secret) } catch {
            throw LedgerError(error, while: "reading \(place)")
        }
        guard let bytes else { return nil }
        guard bytes.count == byteCount else {
            throw LedgerError(
                .damaged,
                "\(place) must have \(byteCount) bytes, not \(bytes.count); put back the "
                    + "one of a backup, or remove the file: a new one is drawn, and calls to the "
                    + "service from before are then taken anew when they are repeated")
        }
        return LedgerSecret(bytes)
    }

    /// The secret in a store, drawn where there is none.
    /// - Parameter isNew: whether the ledger has no entries yet; one that has lost its secret is
    ///   told of.
    /// - Throws: as `read(in:)`.
    static func open(
        in store: any LedgerStore, isNew: Bool, logger: Logger
    ) throws(LedgerError) -> LedgerSecret {
        if let secret = try read(in: store) { return secret }
        if !isNew {
            logger.warning(
                """
                the ledger's secret is missing and a new one is drawn: calls to the service from \
                before are taken anew when they are repeated, and lists from before do not go on
                """,
                metadata: ["ledger": "\(store.name)", "file": "\(store.place(of: .secret))"])
        }
        let secret = generate()
        try secret.write(in: store)
        return secret
    }

    /// Writes the record: whole, or not at all.
    func write(in store: any LedgerStore) throws(LedgerError) {
        do { try store.write(.secret, bytes) } catch {
            throw LedgerError(error, while: "writing \(store.place(of: .secret))")
        }
    }
}
