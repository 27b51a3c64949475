// Accounts administered from the command line, on a ledger that is not being served.
//
// Invariant: whoever administers holds the ledger's writer lock, so no service has the accounts
// open at the same time; nothing closes meanwhile.

package import AuctionDomain
internal import Gavel
internal import HTTPTypes
internal import LMDB
package import Logging
internal import Platform

/// Why an administrator's command cannot be done.
package struct AdministrationError: Error, CustomStringConvertible {
    /// Whose fault it is.
    package enum Kind: Sendable {
        /// The command is wrong.
        case wrong
        /// The state of the accounts says no.
        case refused
        /// The ledger or the disk failed.
        case failed
    }

    package let reason: String
    package let kind: Kind

    package init(reason: String, kind: Kind = .wrong) {
        self.reason = reason
        self.kind = kind
    }

    fileprivate init(_ problem: Problem) {
        let kind: Kind =
            if problem.kind == ProblemKind(.malformed) {
                .wrong
            } else if problem.kind.status.code >= 500 {
                .failed
            } else {
                .refused
            }
        self.init(reason: problem.detail ?? problem.kind.title, kind: kind)
    }

    package var description: String { reason }
}

/// Accounts of a ledger that is not being served.
package final class AccountAdministration: Sendable {
    /// An account as administrators see it.
    package struct Summary: Sendable {
        package let user: UserID
        /// Nil where the account is closed.
        package let username: String?
        package let status: String
        package let roles: [String]
        package let since: Timestamp?
    }

    private let store: ServiceStore
    private let accounts: AccountStore
    private let passwords: PasswordHasher
    private let options: ServiceOptions
    /// What keeps the ledger for us: opened where it is needed, or else its lock alone.
    private let ledger: Ledger?
    private let lock: WriterFile?
    private let logger: Logger

    private init(
        store: ServiceStore, accounts: AccountStore, options: ServiceOptions, ledger: Ledger?,
        lock: WriterFile?, logger: Logger
    ) {
        self.store = store
        self.accounts = accounts
        passwords = PasswordHasher(costLog2: options.passwordCostLog2)
        self.options = options
        self.ledger = ledger
        self.lock = lock
        self.logger = logger
    }

    /// Opens the accounts of a ledger.
    /// - Parameters:
    ///   - usesLedger: whether the ledger is opened too, which writes an entry of its own.
    ///   - creates: whether a ledger is made where none is.
    /// - Throws: `LedgerError`, `heldByWriter` with the process while the ledger is served.
    private static func open(
        at path: String, usesLedger: Bool, creates: Bool, options: ServiceOptions, logger: Logger
    ) async throws -> AccountAdministration {
        var ledger: Ledger?
        var lock: WriterFile?
        if usesLedger {
            var configuration = Configuration()
            configuration.createsIfMissing = creates
            configuration.closing = .held
            configuration.logger = logger
            ledger = try await Ledger.open(at: path, configuration: configuration)
        } else {
            lock = try Self.lock(path)
        }
        do {
            let store = try ServiceStore(ledger: path)
            let accounts = try AccountStore(store)
            return AccountAdministration(
                store: store, accounts: accounts, options: options, ledger: ledger, lock: lock,
                logger: logger)
        } catch {
            await ledger?.close()
            lock?.release()
            throw LedgerError(error, while: "opening \(path)/accounts")
        }
    }

    private static func lock(_ path: String) throws -> WriterFile {
        let folder = LedgerFolder(path: path)
        try folder.check(creates: false)
        do { return try WriterFile.acquire(at: folder.writer) } catch let held
            as WriterFile.Held
        {
            throw LedgerError(held, at: path)
        }
    }

    /// Runs `body` on the accounts of a ledger and lets go of them.
    /// - Throws: `LedgerError`, `AdministrationError`.
    package static func with<R: Sendable>(
        ledger path: String, usesLedger: Bool = false, creates: Bool = false,
        options: ServiceOptions = ServiceOptions(), logger: Logger,
        _ body: (AccountAdministration) async throws -> R
    ) async throws -> R {
        let administration = try await Self.open(
            at: path, usesLedger: usesLedger, creates: creates, options: options, logger: logger)
        let result: Result<R, any Error>
        do { result = .success(try await body(administration)) } catch {
            result = .failure((error as? Problem).map(AdministrationError.init) ?? error)
        }
        administration.store.close()
        await administration.ledger?.close()
        administration.lock?.release()
        return try result.get()
    }

    // MARK: Accounts

    /// Adds an account.
    /// - Parameter existing: a user of the ledger that it is for; nil registers a new one.
    /// - Returns: the user.
    package func add(
        _ name: String, password text: String, roles: [String], for existing: UserID?
    ) async throws -> UserID {
        guard let ledger else { throw Problem(.internalError) }
        let username = try username(name)
        let password = Password(text)
        try password.check(field: "the password", for: name)
        let roles = try self.roles(roles).names
        guard let existing else {
            let request = SignUpRequest(username: username, password: password, roles: roles)
            let signUps = SignUps(accounts: accounts, passwords: passwords, ledger: ledger)
            try await signUps.settle()
            return try await signUps.signUp(request, key: nil).row.userID
        }
        guard existing != .house else {
            throw AdministrationError(reason: "nobody may act for the house account")
        }
        guard ledger.knows(existing) else {
            throw AdministrationError(reason: "the ledger has no user \(existing)")
        }
        let hash = try await passwords.hash(password)
        let now = accounts.clock.now()
        return try await accounts.store.write { [accounts] transaction in
            let kept = try transaction.row(
                AccountRow.self, in: accounts.accounts, at: existing.string)
            guard kept == nil || kept?.status == .closed else {
                throw AdministrationError(reason: "user \(existing) has an account already")
            }
            let key = accounts.nameKey(username.key)
            guard try transaction.text(in: accounts.names, at: key) == nil else {
                throw Problem(.usernameTaken)
            }
            try accounts.put(
                AccountRow(
                    user: existing.string, status: .active, username: username.text, roles: roles,
                    password: hash, since: now.nanoseconds), transaction)
            return existing
        }
    }

    /// All accounts, in order of user id.
    package func list() throws -> [Summary] {
        try accounts.allAccounts().map { row in
            Summary(
                user: row.userID, username: row.username, status: row.status.rawValue,
                roles: row.roleSet.names, since: row.status == .closed ? nil : row.memberSince)
        }
    }

    /// Gives an account other roles.
    package func setRoles(of name: String, to roles: [String]) async throws {
        let roles = try self.roles(roles).names
        try await accounts.change(account(named: name).userID) { row, _ in row.roles = roles }
    }

    /// Gives an account another password and signs it out everywhere.
    package func setPassword(of name: String, to text: String) async throws {
        let row = try account(named: name)
        let password = Password(text)
        try password.check(field: "the password", for: name)
        let hash = try await passwords.hash(password)
        try await accounts.setPassword(of: row.userID, to: hash)
        try await store.eraseUnused()
    }

    /// Closes an account and erases what is personal.
    package func close(_ name: String) async throws {
        guard let ledger else { throw Problem(.internalError) }
        let row = try account(named: name)
        // Which key signs is not this command's affair.
        var options = options
        options.tokenAlgorithm = try accounts.signingAlgorithm() ?? options.tokenAlgorithm
        let members = try await Members(
            accounts, ledger: ledger, options: options, logger: logger)
        try await members.close(row)
    }

    // MARK: Keys

    /// Lets another key sign access tokens.
    /// - Parameters:
    ///   - algorithm: nil keeps the present key's.
    ///   - dropsFormer: whether tokens signed so far are void at once.
    /// - Returns: the new key's id.
    package func rotateKeys(
        algorithm: TokenAlgorithm?, dropsFormer: Bool
    ) async throws -> String {
        let present = try accounts.signingAlgorithm()
        let keys = try await TokenKeys(
            accounts, algorithm: algorithm ?? present ?? options.tokenAlgorithm,
            days: options.tokenKeyDays)
        try await keys.rotate(always: true, dropsFormer: dropsFormer)
        return try await keys.signing().row.kid
    }

    // MARK: Checking

    private func username(_ text: String) throws(AdministrationError) -> Username {
        do { return try Username(text) } catch { throw AdministrationError(reason: error.reason) }
    }

    private func account(named name: String) throws -> AccountRow {
        guard let row = try accounts.account(named: username(name)), row.status == .active else {
            throw AdministrationError(reason: "there is no account \(name)")
        }
        return row
    }

    private func roles(_ names: [String]) throws(AdministrationError) -> Roles {
        var roles: Roles = []
        for name in names {
            guard let role = Roles.named.first(where: { $0.name == name })?.role else {
                throw AdministrationError(
                    reason: "a role must be "
                        + Roles.named.map(\.name).joined(separator: " or ") + ", not "
                        + name.debugDescription)
            }
            roles.insert(role)
        }
        return roles
    }
}

extension AccountStore {
    /// The algorithm of the key that signs; nil where there is none yet.
    fileprivate func signingAlgorithm() throws -> TokenAlgorithm? {
        try store.read { transaction in
            var found: TokenAlgorithm?
            try transaction.forEach(in: tokenKeys) { _, value in
                let row = try TokenKeyRow(row: value)
                if row.retired == nil { found = row.algorithm }
                return true
            }
            return found
        }
    }
}
