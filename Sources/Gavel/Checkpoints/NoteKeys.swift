// The keys that sign checkpoints and cosign them, in the text forms of C2SP signed-note and of
// Go's sumdb/note, so that other tools read them:
//
//      NAME+KEYID+BASE64(type ‖ public key)                 what verifiers hold
//      PRIVATE+KEY+NAME+KEYID+BASE64(type ‖ seed)           the key file, secret
//
// The key id is the first 4 bytes of SHA-256(NAME ‖ 0x0A ‖ type ‖ public key), 8 lower-case
// hexadecimal digits. Types: 1 Ed25519, 4 Ed25519 timestamped cosignature.
//
// Invariants: the key id always fits name, type and key; no description of a private key shows it.

internal import Crypto

/// What a key's signatures mean. NUMBERS ARE THE FORMAT.
package enum NoteKeyType: UInt8, Hashable, Sendable, CaseIterable {
    /// A log's signature over a note's text.
    case signature = 1
    /// A witness's signature over the time and a note's text.
    case cosignature = 4
}

/// The public half of a key: enough to check what it signed.
///
///     let key = try VerifierKey("ledger.example/house+c74f20a3+ARpc2QcUPDhM…")
public struct VerifierKey: Hashable, Sendable, CustomStringConvertible {
    /// Who holds the key: a ledger's origin, a witness's name.
    public let name: String
    package let type: NoteKeyType
    /// Tells keys apart; too short to be trusted for more.
    public let id: UInt32
    /// The 32 bytes of RFC 8032.
    public let publicKey: [UInt8]

    /// Makes a key of its parts.
    /// - Throws: `EvidenceError.malformed` when the name may not stand in a note, or the key has
    ///   not 32 bytes.
    package init(name: String, type: NoteKeyType, publicKey: [UInt8]) throws(EvidenceError) {
        try checkKeyName(name)
        guard publicKey.count == 32 else {
            throw .malformed("an Ed25519 key has 32 bytes, not \(publicKey.count)")
        }
        self.init(checked: name, type, publicKey)
    }

    /// The same key as one whose signatures have a time.
    var forCosignatures: VerifierKey { VerifierKey(checked: name, .cosignature, publicKey) }

    private init(checked name: String, _ type: NoteKeyType, _ publicKey: [UInt8]) {
        self.name = name
        self.type = type
        self.publicKey = publicKey
        let hashed = [UInt8](name.utf8) + [0x0A, type.rawValue] + publicKey
        id = Digest(of: hashed).bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Reads a key from its text; one line end may follow.
    /// - Throws: `EvidenceError.malformed` saying what is wrong.
    public init(_ text: String) throws(EvidenceError) {
        let parts = try KeyText(text, prefix: "", what: "a verifier key")
        try self.init(name: parts.name, type: parts.type, publicKey: parts.key)
        guard id == parts.id else { throw parts.wrongID(expected: id) }
    }

    /// Reads a file of keys: one a line; empty lines and lines that begin with `#` say nothing,
    /// but for a key whose name begins so.
    /// - Throws: `EvidenceError.malformed` naming the line, also when there is no key at all.
    public static func keys(inFile bytes: [UInt8]) throws(EvidenceError) -> [VerifierKey] {
        var keys: [VerifierKey] = []
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            do {
                keys.append(try VerifierKey(try validText(line, "the line")))
            } catch {
                // A key that was commented out is none: its id does not fit a name with a `#`.
                if line.first == 0x23 { continue }
                throw .malformed("line \(index + 1) is no verifier key: \(error.reason)")
            }
        }
        guard !keys.isEmpty else { throw .malformed("there is no verifier key in the file") }
        return keys
    }

    /// The text that others are given.
    public var description: String { "\(name)+\(hex(id))+\(Base64.encode(keyBytes))" }

    private var keyBytes: [UInt8] { [type.rawValue] + publicKey }

    public static func == (left: Self, right: Self) -> Bool {
        isSame(left.name, right.name) && left.type == right.type
            && left.publicKey == right.publicKey
    }
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// Whether this key signed bytes, without anything around them.
    package func isSignature(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
            return false
        }
        return key.isValidSignature(signature, for: bytes)
    }
}

/// A ledger's own key: it signs checkpoints.
public struct SigningKey: Sendable, CustomStringConvertible {
    let key: PrivateNoteKey

    /// Draws a new key.
    /// - Parameter name: the ledger's origin, for example `ledger.example/house`.
    /// - Throws: `EvidenceError.malformed` when the name may not stand in a note.
    public static func generate(name: String) throws(EvidenceError) -> SigningKey {
        SigningKey(key: try PrivateNoteKey(name: name, type: .signature, seed: nil))
    }

    /// Reads a key file.
    /// - Throws: `EvidenceError.malformed`; the reason never shows the key.
    public init(_ text: String) throws(EvidenceError) {
        key = try PrivateNoteKey(text, type: .signature, what: "a signing key")
    }

    init(key: PrivateNoteKey) { self.key = key }

    /// What verifiers hold.
    public var verifier: VerifierKey { key.verifier }
    /// What the key file holds, with its line end. SECRET: whoever has it can sign as the ledger.
    public var fileText: String { key.fileText }
    /// The bytes of its file.
    var fileBytes: [UInt8] { Array(fileText.utf8) }
    public var description: String { "signing key of \(verifier)" }

    /// Signs bytes, without anything around them.
    /// - Throws: `EvidenceError.signing`.
    package func signature(of bytes: [UInt8]) throws(EvidenceError) -> [UInt8] {
        try key.signature(of: bytes)
    }
}

/// A witness's key: it cosigns checkpoints. Not to be used for anything else.
package struct WitnessKey: Sendable, CustomStringConvertible {
    let key: PrivateNoteKey

    /// Draws a new key.
    /// - Parameter name: the witness's name, for example `witness.example/w1`.
    /// - Throws: `EvidenceError.malformed` when the name may not stand in a note.
    package static func generate(name: String) throws(EvidenceError) -> WitnessKey {
        WitnessKey(key: try PrivateNoteKey(name: name, type: .cosignature, seed: nil))
    }

    /// Reads a key file.
    /// - Throws: `EvidenceError.malformed`; the reason never shows the key.
    package init(_ text: String) throws(EvidenceError) {
        key = try PrivateNoteKey(text, type: .cosignature, what: "a witness key")
    }

    init(key: PrivateNoteKey) { self.key = key }

    /// What verifiers hold.
    package var verifier: VerifierKey { key.verifier }
    /// What the key file holds, with its line end. SECRET: whoever has it can sign as the witness.
    package var fileText: String { key.fileText }
    package var description: String { "witness key of \(verifier)" }
}

/// The private half of a key of either type.
struct PrivateNoteKey: Sendable {
    let verifier: VerifierKey
    private let key: Curve25519.Signing.PrivateKey

    /// - Parameter seed: 32 bytes; nil draws a new key.
    init(name: String, type: NoteKeyType, seed: [UInt8]?) throws(EvidenceError) {
        try checkKeyName(name)
        if let seed {
            guard let made = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
                throw .malformed("an Ed25519 seed has 32 bytes, not \(seed.count)")
            }
            key = made
        } else {
            key = Curve25519.Signing.PrivateKey()
        }
        verifier = try VerifierKey(
            name: name, type: type, publicKey: [UInt8](key.publicKey.rawRepresentation))
    }

    init(_ text: String, type: NoteKeyType, what: String) throws(EvidenceError) {
        let parts = try KeyText(text, prefix: Self.prefix, what: what)
        guard parts.type == type else {
            throw .malformed("\(what) has type \(type.rawValue), not \(parts.type.rawValue)")
        }
        try self.init(name: parts.name, type: type, seed: parts.key)
        guard verifier.id == parts.id else { throw parts.wrongID(expected: verifier.id) }
    }

    private static let prefix = "PRIVATE+KEY+"

    var fileText: String {
        let bytes = [verifier.type.rawValue] + [UInt8](key.rawRepresentation)
        return "\(Self.prefix)\(verifier.name)+\(hex(verifier.id))+\(Base64.encode(bytes))\n"
    }

    func signature(of bytes: [UInt8]) throws(EvidenceError) -> [UInt8] {
        do { return [UInt8](try key.signature(for: bytes)) } catch {
            throw EvidenceError(.signing, "\(verifier.name) cannot sign: \(error)")
        }
    }
}

/// The parts of a key's text, public or private.
private struct KeyText {
    let what: String
    let name: String
    let id: UInt32
    let type: NoteKeyType
    /// What stands behind the type.
    let key: [UInt8]

    init(_ text: String, prefix: String, what: String) throws(EvidenceError) {
        self.what = what
        var bytes = Array(text.utf8)[...]
        if bytes.last == 0x0A { bytes.removeLast() }
        let form = "\(prefix)NAME+KEYID+BASE64"
        guard bytes.starts(with: prefix.utf8) else { throw .malformed("\(what) is \(form)") }
        bytes = bytes.dropFirst(prefix.utf8.count)
        // Base64 may hold a plus, names and ids may not.
        let parts = bytes.split(separator: 0x2B, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed("\(what) is \(form)") }
        name = try validText(parts[0], "the name in \(what)")
        try checkKeyName(name)
        guard let id = UInt32(hex: parts[1]) else {
            throw .malformed("the key id in \(what) is not 8 lower-case hexadecimal digits")
        }
        self.id = id
        guard let decoded = Base64.decode(parts[2]), let first = decoded.first else {
            throw .malformed("the last part of \(what) is not base64")
        }
        guard let type = NoteKeyType(rawValue: first) else {
            throw .malformed(
                "\(what) has type \(first); known are 1 (Ed25519) and 4 (Ed25519 cosignature)")
        }
        self.type = type
        key = Array(decoded.dropFirst())
    }

    func wrongID(expected: UInt32) -> EvidenceError {
        .malformed("the key id in \(what) is \(hex(id)), but name and key give \(hex(expected))")
    }
}

/// Checks a key's name.
/// - Throws: `malformed` when it is empty or holds a space of any kind, a plus or a control.
func checkKeyName(_ name: String) throws(EvidenceError) {
    guard !name.isEmpty, name.utf8.count <= keyNameBytesMax else {
        throw .malformed("a key's name has 1 to \(keyNameBytesMax) bytes, not \(name.utf8.count)")
    }
    for scalar in name.unicodeScalars
    where scalar.properties.isWhitespace || scalar == "+" || scalar.value < 0x20 {
        throw .malformed("a key's name has no spaces, no plus and no control characters")
    }
}

/// The longest name of a key in bytes.
private let keyNameBytesMax = 256

/// 8 hexadecimal digits.
func hex(_ id: UInt32) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}

extension UInt32 {
    /// 8 lower-case hexadecimal digits.
    fileprivate init?(hex digits: ArraySlice<UInt8>) {
        guard digits.count == 8 else { return nil }
        self = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: self = self << 4 | UInt32(digit - 0x30)
            case 0x61...0x66: self = self << 4 | UInt32(digit - 0x61 + 10)
            default: return nil
            }
        }
    }
}
