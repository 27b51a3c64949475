// Access tokens: JSON Web Tokens of ten minutes.
//
// Invariants: the algorithm is the key's and never the token's choice; a token is of this ledger's
// audience; times are the service's own clock's.

internal import AuctionDomain
internal import Foundation
internal import Gavel
internal import JWTKit

/// What a token says.
struct AccessClaims: JWTPayload, Equatable {
    var iss: String
    var aud: String
    var sub: String
    /// For whoever verifies tokens elsewhere; here the account says it.
    var roles: [String]
    var iat: Int64
    var nbf: Int64?
    var exp: Int64
    /// The account's generation, which a new password makes another.
    var gen: Int

    /// Checked by `AccessTokens`, by another clock than the system's.
    func verify(using algorithm: some JWTAlgorithm) {}
}

/// Signs and verifies access tokens.
struct AccessTokens: Sendable {
    static let seconds: Int64 = 600
    static let issuer = "gavel"
    /// By how much the clock may have been set back since a token was signed.
    static let futureSecondsMax: Int64 = 60
    static let bytesMax = 4096

    let keys: TokenKeys
    let audience: String
    let clock: any LedgerClock

    /// A new token for an account.
    func sign(_ account: AccountRow) async throws -> String {
        let now = clock.seconds
        let claims = AccessClaims(
            iss: Self.issuer, aud: audience, sub: account.user,
            roles: ["user"] + account.roleSet.names, iat: now, exp: now + Self.seconds,
            gen: account.generation)
        let key = try await keys.signing()
        return try await key.signer.sign(claims, kid: JWKIdentifier(string: key.row.kid))
    }

    private struct Header: Decodable {
        var alg: String
        var kid: String
        var typ: String?
        /// Extensions that must be understood (RFC 7515 section 4.1.11); none is.
        var crit: [String]?
    }

    /// What a token says, if it is one of ours and valid now.
    /// - Throws: `tokenInvalid`, `tokenExpired`.
    func verify(_ token: String) async throws(Problem) -> AccessClaims {
        let header = try header(of: token)
        guard let key = keys.verifying(header.kid) else {
            throw Problem(.tokenInvalid, "the token's key is unknown, or was rotated out")
        }
        guard header.alg == key.row.algorithm.rawValue else {
            throw Problem(
                .tokenInvalid, "the token must be signed with \(key.row.algorithm.rawValue)")
        }
        let claims: AccessClaims
        do { claims = try await key.signer.verify(token, as: AccessClaims.self) } catch {
            throw Problem(.tokenInvalid, "the token's signature or claims are not valid")
        }
        let now = clock.seconds
        guard claims.iss == Self.issuer, claims.aud == audience else {
            throw Problem(.tokenInvalid, "the token was not made for this ledger")
        }
        guard now < claims.exp else { throw Problem(.tokenExpired) }
        guard claims.iat <= now + Self.futureSecondsMax,
            (claims.nbf ?? 0) <= now + Self.futureSecondsMax
        else { throw Problem(.tokenInvalid, "the token is not valid yet") }
        return claims
    }

    private func header(of token: String) throws(Problem) -> Header {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard token.utf8.count <= Self.bytesMax, parts.count == 3,
            let bytes = [UInt8](base64URL: parts[0]),
            // What verifies the signature reads other spellings too.
            parts.dropFirst().allSatisfy({ [UInt8](base64URL: $0) != nil }),
            let header = try? JSONDecoder().decode(Header.self, from: Data(bytes))
        else {
            throw Problem(.tokenInvalid, "the token must be a JSON Web Token that names its key")
        }
        guard header.crit == nil, header.typ.map({ $0.uppercased() == "JWT" }) ?? true else {
            throw Problem(.tokenInvalid, "the token's header asks for what is not known here")
        }
        return header
    }
}
