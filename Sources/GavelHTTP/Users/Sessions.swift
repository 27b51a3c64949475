// Refresh tokens: each is used once and gives the next of its family.
//
// A token is `<family>.<secret>`: 130 bits that name the family, 256 that prove it. Invariants:
// only the hash of the newest secret of a family is kept; whoever shows another one has a token
// that was used before, or stole one, and the family ends; a family ends 30 days after its last
// use and 90 days after its first; an account has at most `familiesMax` of them.

internal import AuctionDomain
internal import Crypto
internal import Foundation
internal import Gavel
internal import LMDB
internal import Platform
internal import Synchronization

/// A row of `sessions`: one signed-in device.
struct SessionRow: Codable, Sendable {
    var user: String
    /// SHA-256 of the newest secret.
    var secretHash: [UInt8]
    /// In seconds since 1970.
    var expires: Int64
    var familyExpires: Int64
}

/// A refresh token as its owner gets it.
struct RefreshToken: Sendable {
    static let seconds: Int64 = 30 * 86_400
    static let familySeconds: Int64 = 90 * 86_400

    let family: String
    let secret: [UInt8]

    /// Draws one.
    init(family: String = Drawing.base32(characters: 26)) {
        self.family = family
        secret = Drawing.bytes(32)
    }

    /// Reads one; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 26,
            let secret = [UInt8](base64URL: parts[1]), secret.count == 32
        else { return nil }
        family = String(parts[0])
        self.secret = secret
    }

    var text: String { "\(family).\(secret.base64URL)" }
    var hash: [UInt8] { Array(SHA256.hash(data: secret)) }
}

/// Whom a refresh token has signed in.
struct Session: Sendable {
    var account: AccountRow
    var token: RefreshToken
    /// How long the token may be used, from when it was made.
    var seconds: Int64
}

extension AccountStore {
    /// The most devices that may be signed in to one account; the one signed in first is signed
    /// out for another.
    static let familiesMax = 20
    /// How many sessions each sign-in looks at to remove those that have expired.
    static let sweptMax = 16

    /// Begins a session after a password was found right.
    /// - Parameters:
    ///   - account: as it was when the password was checked.
    ///   - rehashed: the same password, hashed with dearer parameters.
    ///   - peer: where the call comes from.
    /// - Throws: `credentialsWrong` when the password was changed or the account closed meanwhile.
    func signIn(
        _ account: AccountRow, rehashed: PasswordHash? = nil, from peer: PeerAddress? = nil
    ) async throws -> Session {
        let address = peer.map { digest(of: $0) }
        let token = RefreshToken()
        let now = clock.seconds
        return try await store.write { transaction in
            // Before the row is read: it may be one of those that change.
            try self.removeExpired(now, transaction)
            guard
                var row = try transaction.row(
                    AccountRow.self, in: self.accounts, at: account.user),
                row.status == .active, row.generation == account.generation
            else { throw Problem(.credentialsWrong) }
            if let rehashed { row.password = rehashed }
            if let address { row.note(address) }
            row.families.append(token.family)
            while row.families.count > Self.familiesMax {
                try transaction.erase(in: self.sessions, at: row.families.removeFirst())
            }
            let session = SessionRow(
                user: row.user, secretHash: token.hash, expires: now + RefreshToken.seconds,
                familyExpires: now + RefreshToken.familySeconds)
            try transaction.put(session, in: self.sessions, at: token.family)
            try transaction.put(row, in: self.accounts, at: row.user)
            return Session(account: row, token: token, seconds: session.expires - now)
        }
    }

    /// Takes a refresh token and gives the next of its family.
    /// - Throws: `refreshTokenInvalid`; one that was used before has ended its family then.
    func refresh(_ text: String, from peer: PeerAddress? = nil) async throws -> Session {
        let address = peer.map { digest(of: $0) }
        guard let token = RefreshToken(text) else { throw Problem(.refreshTokenInvalid) }
        let next = RefreshToken(family: token.family)
        let now = clock.seconds
        let session = try await store.write { transaction -> Session? in
            guard
                var row = try transaction.row(SessionRow.self, in: self.sessions, at: token.family)
            else { return nil }
            let account = try transaction.row(AccountRow.self, in: self.accounts, at: row.user)
            guard let account, account.status == .active, now < row.expires,
                token.hash.isEqualInConstantTime(to: row.secretHash)
            else {
                try self.end(token.family, row, transaction)
                return nil
            }
            row.secretHash = next.hash
            row.expires = min(now + RefreshToken.seconds, row.familyExpires)
            try transaction.put(row, in: self.sessions, at: token.family)
            if let address, account.addresses?.first != address {
                var noted = account
                noted.note(address)
                try transaction.put(noted, in: self.accounts, at: row.user)
            }
            return Session(account: account, token: next, seconds: row.expires - now)
        }
        guard let session else { throw Problem(.refreshTokenInvalid) }
        return session
    }

    /// Whether an address is one of the last that an account was signed in from.
    func knows(_ peer: PeerAddress, of name: String) throws -> Bool {
        guard let username = try? Username(name), let row = try account(named: username) else {
            return false
        }
        return row.addresses?.contains(digest(of: peer)) ?? false
    }

    /// Signs out: ends the family of a token. Does nothing for a text that is none.
    func signOut(_ text: String) async throws {
        guard let token = RefreshToken(text) else { return }
        try await store.write { transaction in
            guard
                let row = try transaction.row(SessionRow.self, in: self.sessions, at: token.family)
            else { return }
            try self.end(token.family, row, transaction)
        }
    }

    /// Ends all families of an account; its row has to be written afterwards.
    func signOutEverywhere(
        _ row: AccountRow, _ transaction: borrowing WriteTransaction
    ) throws {
        for family in row.families { try transaction.erase(in: sessions, at: family) }
    }

    private func end(
        _ family: String, _ session: SessionRow, _ transaction: borrowing WriteTransaction
    ) throws {
        try transaction.erase(in: sessions, at: family)
        guard var row = try transaction.row(AccountRow.self, in: accounts, at: session.user) else {
            return
        }
        row.families.removeAll { $0 == family }
        try transaction.put(row, in: accounts, at: row.user)
    }

    /// Looks at a few sessions, after those looked at the last time, and ends what has expired.
    private func removeExpired(
        _ now: Int64, _ transaction: borrowing WriteTransaction
    ) throws {
        var expired: [(String, SessionRow)] = []
        var seen = 0
        let start = sweepPlace.withLock { $0 }
        var place = ""
        try transaction.forEach(in: sessions, from: Array(start.utf8)) { key, value in
            let family = String(decoding: key.array(), as: UTF8.self)
            guard seen < Self.sweptMax else {
                place = family
                return false
            }
            seen += 1
            let session = try SessionRow(row: value)
            if session.expires <= now { expired.append((family, session)) }
            return true
        }
        sweepPlace.withLock { $0 = place }
        for (family, session) in expired { try end(family, session, transaction) }
    }
}
