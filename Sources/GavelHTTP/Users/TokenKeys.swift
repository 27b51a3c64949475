// The keys that sign access tokens, and their change.
//
// Invariants: exactly one key signs; the one before it verifies until the last token it signed has
// expired, then it is gone; a key verifies only tokens of its own algorithm; what is public of the
// keys is in the set of RFC 7517, and under HS256 nothing is.

internal import Crypto
internal import Foundation
internal import Gavel
internal import GavelJSON
internal import JWTKit
internal import LMDB
internal import Platform
internal import Synchronization

/// A row of `token_keys`.
struct TokenKeyRow: Codable, Sendable {
    var kid: String
    var algorithm: TokenAlgorithm
    /// The private key, or the secret.
    var secret: [UInt8]
    /// In seconds since 1970.
    var created: Int64
    /// When another key took over; nil for the one that signs.
    var retired: Int64?

    /// Draws a key.
    init(_ algorithm: TokenAlgorithm, at seconds: Int64) {
        kid = Drawing.base32(characters: 16)
        self.algorithm = algorithm
        secret =
            switch algorithm {
            case .edDSA: Array(Curve25519.Signing.PrivateKey().rawRepresentation)
            case .es256: Array(P256.Signing.PrivateKey().rawRepresentation)
            case .hs256: Drawing.bytes(32)
            }
        created = seconds
    }

    /// Whether tokens signed with it are still taken.
    func verifies(at seconds: Int64) -> Bool {
        retired.map { seconds < $0 + AccessTokens.seconds } ?? true
    }
}

/// A key, ready for use.
struct TokenKey: Sendable {
    let row: TokenKeyRow
    /// Holds this one key: jwt-kit takes the default key for a kid that it does not know.
    let signer: JWTKeyCollection

    init(_ row: TokenKeyRow) async throws {
        self.row = row
        signer = JWTKeyCollection()
        let kid = JWKIdentifier(string: row.kid)
        switch row.algorithm {
        case .edDSA:
            let key = try Curve25519.Signing.PrivateKey(rawRepresentation: row.secret)
            await signer.add(eddsa: EdDSA.PrivateKey(backing: key), kid: kid)
        case .es256:
            let key = try P256.Signing.PrivateKey(rawRepresentation: row.secret)
            await signer.add(ecdsa: try ES256PrivateKey(backing: key), kid: kid)
        case .hs256:
            await signer.add(hmac: HMACKey(from: row.secret), digestAlgorithm: .sha256, kid: kid)
        }
    }

    /// The public key as RFC 7517, RFC 7518 and RFC 8037 write it; nil under HS256.
    func writePublic(to array: inout JSONWriter) throws {
        let (type, curve, coordinates): (String, String, [[UInt8]])
        switch row.algorithm {
        case .edDSA:
            let key = try Curve25519.Signing.PrivateKey(rawRepresentation: row.secret)
            (type, curve) = ("OKP", "Ed25519")
            coordinates = [Array(key.publicKey.rawRepresentation)]
        case .es256:
            let key = try P256.Signing.PrivateKey(rawRepresentation: row.secret)
            let point = Array(key.publicKey.rawRepresentation)
            (type, curve) = ("EC", "P-256")
            coordinates = [Array(point[..<32]), Array(point[32...])]
        case .hs256: return
        }
        array.object { object in
            object.field("kty", type)
            object.field("crv", curve)
            for (name, coordinate) in zip(["x", "y"], coordinates) {
                object.field(name, coordinate.base64URL)
            }
            object.field("kid", row.kid)
            object.field("use", "sig")
            object.field("alg", row.algorithm.rawValue)
        }
    }
}

/// The keys of a ledger's service.
final class TokenKeys: Sendable {
    private let accounts: AccountStore
    private let algorithm: TokenAlgorithm
    private let lifeSeconds: Int64
    /// In order of age, the one that signs last.
    private let keys = Mutex<[TokenKey]>([])

    /// Reads the keys, and draws one where none signs with the algorithm asked for.
    /// - Parameter days: after how many another key signs.
    init(_ accounts: AccountStore, algorithm: TokenAlgorithm, days: Int) async throws {
        self.accounts = accounts
        self.algorithm = algorithm
        lifeSeconds = Int64(max(1, days)) * 86_400
        try await rotate(always: false)
    }

    /// The key that signs; another one when its time is over.
    func signing() async throws -> TokenKey {
        let now = accounts.clock.seconds
        if let key = keys.withLock({ $0.last }), !isOver(key.row, now) { return key }
        try await rotate(always: false)
        guard let key = keys.withLock({ $0.last }) else { throw Problem(.internalError) }
        return key
    }

    /// The key of a kid, as long as it verifies.
    func verifying(_ kid: String) -> TokenKey? {
        let now = accounts.clock.seconds
        return keys.withLock { $0.first { $0.row.kid == kid } }.flatMap {
            $0.row.verifies(at: now) ? $0 : nil
        }
    }

    /// The public keys as a set (RFC 7517 section 5).
    func writePublic(to object: inout JSONWriter) throws {
        let now = accounts.clock.seconds
        let keys = keys.withLock { $0 }.filter { $0.row.verifies(at: now) }
        object.name("keys")
        try object.array { array in
            for key in keys { try key.writePublic(to: &array) }
        }
    }

    private func isOver(_ row: TokenKeyRow, _ now: Int64) -> Bool {
        row.retired != nil || row.algorithm != algorithm || now >= row.created + lifeSeconds
    }

    /// Lets another key sign.
    /// - Parameters:
    ///   - always: also when the present one's time is not over.
    ///   - dropsFormer: whether former keys verify nothing any more, as when one was stolen.
    func rotate(always: Bool, dropsFormer: Bool = false) async throws {
        let now = accounts.clock.seconds
        let rows = try await accounts.store.write { transaction in
            var rows = try self.rows(transaction)
            if always || rows.last.map({ self.isOver($0, now) }) ?? true {
                for index in rows.indices where rows[index].retired == nil {
                    rows[index].retired = now
                    try transaction.put(
                        rows[index], in: self.accounts.tokenKeys, at: rows[index].kid)
                }
                let key = TokenKeyRow(self.algorithm, at: now)
                try transaction.put(key, in: self.accounts.tokenKeys, at: key.kid)
                rows.append(key)
            }
            for row in rows.dropLast() where dropsFormer || !row.verifies(at: now) {
                try transaction.erase(in: self.accounts.tokenKeys, at: row.kid)
            }
            return try self.rows(transaction)
        }
        var loaded: [TokenKey] = []
        for row in rows { loaded.append(try await TokenKey(row)) }
        keys.withLock { $0 = loaded }
    }

    /// All keys, the one that signs last.
    private func rows(_ transaction: borrowing WriteTransaction) throws -> [TokenKeyRow] {
        var rows: [TokenKeyRow] = []
        try transaction.forEach(in: accounts.tokenKeys) { _, value in
            rows.append(try TokenKeyRow(row: value))
            return true
        }
        return rows.sorted { ($0.retired ?? .max, $0.created) < ($1.retired ?? .max, $1.created) }
    }
}
