// The tables of people: accounts, names, profiles, sessions, and the keys that sign tokens.
//
//     accounts     user id -> AccountRow
//     names        keyed digest of the name in lower case -> user id
//     pending      user id -> nothing: accounts whose sign-up is not settled
//     profiles     user id -> the public profile, ready JSON; active accounts only
//     sessions     family of refresh tokens -> SessionRow
//     token_keys   kid -> TokenKeyRow
//
// Invariants: an account that is not closed has exactly its one name; an active one has its
// profile; a session's family stands in its account's row; rows that belong together change in one
// transaction.
//
// What erasing means here: rows are overwritten in the transaction that removes them, which keeps
// them out of the pages that this commit writes. Older pages of the file still hold copies until
// LMDB uses them again, so after the commit every byte of the file that belongs to no row is
// overwritten too (`ServiceStore.eraseUnused`), and again at each opening, for the case that a
// crash came between. What lies below the file is not in our hands: a disk that moves blocks, a
// file system that keeps snapshots, and backups, which have to be let go of by their own rules.
// Names are not keys themselves because a tree may keep a removed key as the mark between two
// pages: what may stay is a digest, which can only confirm a guess, and only with the file's key.

internal import AuctionDomain
internal import Crypto
internal import Gavel
internal import GavelJSON
internal import LMDB
internal import Platform
internal import Synchronization

/// Accounts and what belongs to them.
final class AccountStore: Sendable {
    let store: ServiceStore
    let clock: any LedgerClock
    let accounts: BytesTable
    let names: BytesTable
    let pendingTable: BytesTable
    let profileTable: BytesTable
    let sessions: BytesTable
    let tokenKeys: BytesTable
    /// Where the search for expired sessions goes on.
    let sweepPlace = Mutex("")
    /// What names are digested with.
    private let nameSecret: [UInt8]

    /// - Throws: `LMDBError`.
    init(_ store: ServiceStore, clock: any LedgerClock = SystemClock()) throws {
        self.store = store
        self.clock = clock
        let environment = store.environment
        accounts = try environment.bytesTable(named: "accounts", create: true)
        names = try environment.bytesTable(named: "names", create: true)
        pendingTable = try environment.bytesTable(named: "pending", create: true)
        profileTable = try environment.bytesTable(named: "profiles", create: true)
        sessions = try environment.bytesTable(named: "sessions", create: true)
        tokenKeys = try environment.bytesTable(named: "token_keys", create: true)
        // Shorter than a digest, so no name's key.
        let (names, key) = (names, "secret")
        nameSecret = try environment.write { transaction in
            let kept = try transaction.withValue(names, at: Array(key.utf8)) { $0.array() }
            if let kept { return kept }
            let secret = Drawing.bytes(32)
            try transaction.put(bytes: secret, in: names, at: key)
            return secret
        }
    }

    /// The key of a name in `names`.
    func nameKey(_ name: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(name.lowercased().utf8), using: SymmetricKey(data: nameSecret))
        return Array(code).base64URL
    }

    // MARK: Reading

    /// An account, whatever its status.
    func account(of user: UserID) throws -> AccountRow? {
        try store.read { try $0.row(AccountRow.self, in: accounts, at: user.string) }
    }

    /// The account of a name.
    func account(named name: Username) throws -> AccountRow? {
        try store.read { transaction in
            guard let user = try transaction.text(in: names, at: nameKey(name.key)) else {
                return nil
            }
            return try transaction.row(AccountRow.self, in: accounts, at: user)
        }
    }

    /// Accounts whose sign-up is not settled.
    /// - Complexity: O(number of them), however many accounts there are.
    func pendingAccounts() throws -> [AccountRow] {
        try store.read { transaction in
            var users: [String] = []
            try transaction.forEach(in: pendingTable) { key, _ in
                users.append(String(decoding: key.array(), as: UTF8.self))
                return true
            }
            return try users.compactMap {
                try transaction.row(AccountRow.self, in: accounts, at: $0)
            }
        }
    }

    /// All accounts in order of user id.
    func allAccounts() throws -> [AccountRow] {
        try store.read { transaction in
            var rows: [AccountRow] = []
            try transaction.forEach(in: accounts) { key, value in
                let user = String(decoding: key.array(), as: UTF8.self)
                rows.append(try AccountRow(row: value, at: user))
                return true
            }
            return rows
        }
    }

    /// The public profiles of users as JSON, as of one moment; who has no account, or has closed
    /// it, has one without a name.
    /// - Complexity: a look-up and a copy for each.
    func profiles(of users: [UserID]) throws -> [UserID: [UInt8]] {
        try store.read { transaction in
            var profiles: [UserID: [UInt8]] = [:]
            profiles.reserveCapacity(users.count)
            for user in users where profiles[user] == nil {
                profiles[user] =
                    try transaction.withValue(profileTable, at: Array(user.string.utf8)) {
                        $0.array()
                    } ?? AccountRow.tombstone(user.string).profile
            }
            return profiles
        }
    }

    // MARK: Writing

    /// Changes an active account, and the profile with it.
    /// - Throws: `tokenInvalid` where there is no active account; what `change` throws, and then
    ///   nothing is changed.
    @discardableResult
    func change(
        _ user: UserID,
        _ change: @escaping @Sendable (inout AccountRow, borrowing WriteTransaction) throws -> Void
    ) async throws -> AccountRow {
        try await store.write { transaction in
            guard
                var row = try transaction.row(
                    AccountRow.self, in: self.accounts, at: user.string),
                row.status == .active
            else { throw Problem(.tokenInvalid) }
            try change(&row, transaction)
            try self.put(row, transaction)
            return row
        }
    }

    /// Gives an account another password: it is signed out everywhere, and its tokens are void.
    /// - Parameter generation: what the account's must still be; nil for whatever it is.
    /// - Throws: as `change`; `tokenInvalid` where the password was changed since.
    func setPassword(
        of user: UserID, to hash: PasswordHash, from generation: Int? = nil
    ) async throws {
        try await change(user) { row, transaction in
            guard generation == nil || generation == row.generation else {
                throw Problem(.tokenInvalid)
            }
            try self.signOutEverywhere(row, transaction)
            row.families = []
            row.password = hash
            row.generation = Drawing.generation()
        }
    }

    /// Writes an account, its name, whether it is pending and, when it is active, its profile.
    func put(_ row: AccountRow, _ transaction: borrowing WriteTransaction) throws {
        try transaction.put(row, in: accounts, at: row.user)
        if row.status == .pending {
            try transaction.put(bytes: [], in: pendingTable, at: row.user)
        } else {
            try transaction.delete(pendingTable, key: Array(row.user.utf8))
        }
        if let name = row.username {
            try transaction.put(bytes: Array(row.user.utf8), in: names, at: nameKey(name))
        }
        if row.status == .active {
            try transaction.put(bytes: row.profile, in: profileTable, at: row.user)
        }
    }

    /// An address as it is kept: a digest, which can only confirm a guess with the file's key.
    func digest(of peer: PeerAddress) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("address \(peer.text)".utf8), using: SymmetricKey(data: nameSecret))
        return Array(code.prefix(16)).base64URL
    }

    /// Removes an account with all that belongs to it.
    func erase(_ row: AccountRow, _ transaction: borrowing WriteTransaction) throws {
        try signOutEverywhere(row, transaction)
        try transaction.erase(in: profileTable, at: row.user)
        try transaction.erase(in: accounts, at: row.user)
        try transaction.delete(pendingTable, key: Array(row.user.utf8))
        if let name = row.username {
            try transaction.erase(in: names, at: nameKey(name))
        }
    }
}

extension WriteTransaction {
    /// Removes a row after overwriting it.
    func erase(in table: BytesTable, at key: String) throws {
        let count = try withValue(table, at: Array(key.utf8)) { $0.byteCount }
        guard let count else { return }
        try put(bytes: [UInt8](repeating: 0, count: count), in: table, at: key)
        try delete(table, key: Array(key.utf8))
    }
}
