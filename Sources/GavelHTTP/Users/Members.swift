// What people may do with their accounts: sign in, change what they say of themselves, change the
// password, close.
//
// Invariant: whatever takes a right away also makes the authenticator forget the account, after
// the change is durable and before it is answered.

internal import AuctionDomain
internal import Gavel
internal import LMDB
internal import Logging

/// The accounts of a service with all they need.
final class Members: Sendable {
    let accounts: AccountStore
    let passwords: PasswordHasher
    let keys: TokenKeys
    let tokens: AccessTokens
    let authenticator: AccountAuthenticator
    let signUps: SignUps
    private let ledger: Ledger
    private let logger: Logger

    /// Makes ready whatever accounts need, and ends what a crash interrupted.
    init(
        _ accounts: AccountStore, ledger: Ledger, options: ServiceOptions, logger: Logger
    ) async throws {
        self.accounts = accounts
        self.ledger = ledger
        self.logger = logger
        passwords = PasswordHasher(costLog2: options.passwordCostLog2)
        keys = try await TokenKeys(
            accounts, algorithm: options.tokenAlgorithm, days: options.tokenKeyDays)
        tokens = AccessTokens(
            keys: keys, audience: "gavel-ledger/\(ledger.ledgerID?.hexadecimal ?? "")",
            clock: accounts.clock)
        authenticator = AccountAuthenticator(
            tokens: tokens, accounts: accounts, rememberedMax: options.tokensRememberedMax)
        signUps = SignUps(accounts: accounts, passwords: passwords, ledger: ledger)
        let settled = try await signUps.settle()
        if settled.finished + settled.abandoned > 0 {
            logger.notice(
                "interrupted sign-ups were settled",
                metadata: [
                    "finished": "\(settled.finished)", "abandoned": "\(settled.abandoned)",
                ])
        }
        await eraseUnused()
    }

    // MARK: Signing in

    /// What signing in gives.
    struct TokenPair: Sendable {
        var access: String
        var refresh: String
        /// How long the refresh token may be used.
        var refreshSeconds: Int64
        var user: UserID
    }

    /// Signs in with a password.
    /// - Throws: `credentialsWrong`, the same and after the same time whether it is the name or
    ///   the password; `busy`.
    func signIn(_ name: String, _ password: Password) async throws -> TokenPair {
        let account = try account(named: name)
        guard try await passwords.matches(password, account?.password), let account else {
            throw Problem(.credentialsWrong)
        }
        var rehashed: PasswordHash?
        if let hash = account.password, passwords.isOutdated(hash) {
            rehashed = try await passwords.hash(password)
        }
        return try await pair(of: accounts.signIn(account, rehashed: rehashed))
    }

    /// An account that can be signed in to.
    private func account(named name: String) throws -> AccountRow? {
        guard let username = try? Username(name),
            let account = try accounts.account(named: username), account.status == .active
        else { return nil }
        return account
    }

    /// Exchanges a refresh token.
    /// - Throws: `refreshTokenInvalid`.
    func refresh(_ token: String) async throws -> TokenPair {
        try await pair(of: accounts.refresh(token))
    }

    private func pair(of session: Session) async throws -> TokenPair {
        TokenPair(
            access: try await tokens.sign(session.account), refresh: session.token.text,
            refreshSeconds: session.seconds,
            user: session.account.userID)
    }

    // MARK: Changing

    /// The account of a caller.
    /// - Throws: `tokenInvalid` where it was closed since.
    func account(of user: UserID) throws -> AccountRow {
        guard let row = try accounts.account(of: user), row.status == .active else {
            throw Problem(.tokenInvalid)
        }
        return row
    }

    /// Checks a caller's own password again.
    /// - Throws: `credentialsWrong`, `busy`.
    func confirm(_ account: AccountRow, _ password: Password) async throws {
        guard try await passwords.matches(password, account.password) else {
            throw Problem(.credentialsWrong, "the password is wrong")
        }
    }

    /// Gives an account another password and signs it out everywhere.
    func setPassword(of user: UserID, to password: Password) async throws {
        try await accounts.setPassword(of: user, to: passwords.hash(password))
        authenticator.forget(user)
    }

    /// Gives an account other roles.
    func setRoles(of user: UserID, to roles: Roles) async throws {
        try await accounts.change(user) { row, _ in row.roles = roles.names }
        authenticator.forget(user)
    }

    // MARK: Closing

    /// Closes an account: credentials, profile, name and sessions are erased for good.
    ///
    /// Money that comes afterwards, as from a payment that was under way, stays in the user's
    /// wallet, which a new account can be bound to.
    /// - Throws: `accountHasFunds`; then nothing is changed.
    func close(_ user: UserID) async throws {
        let ledger = ledger
        try await accounts.store.write { transaction in
            let row = try transaction.row(
                AccountRow.self, in: self.accounts.accounts, at: user.string)
            guard let row, row.status == .active else { throw Problem(.tokenInvalid) }
            if let affair = try ledger.affair(of: user) { throw Problem(.accountHasFunds, affair) }
            try self.accounts.erase(row, transaction)
            try self.accounts.put(.tombstone(row.user), transaction)
        }
        authenticator.forget(user)
        await eraseUnused()
    }

    /// Overwrites what is left of erased rows in the file. Where that cannot be done now it is
    /// done with the next closing or opening.
    private func eraseUnused() async {
        do { try await accounts.store.eraseUnused() } catch {
            logger.warning(
                "erased rows could not be overwritten yet", metadata: ["error": "\(error)"])
        }
    }
}

extension Ledger {
    /// What keeps an account from being closed, in words; nil where nothing does.
    fileprivate func affair(of user: UserID) throws -> String? {
        guard knows(user) else { return nil }
        let wallet = try wallet(user).value
        for balance in wallet.balances {
            if balance.available > .zero { return "the wallet has \(balance.currency.code) left" }
            if balance.locked > .zero { return "the wallet has \(balance.currency.code) locked" }
        }
        for status in [AuctionStatus.open, .scheduled] {
            var cursor: String?
            repeat {
                let page = try auctions(
                    AuctionFilter(status: status, seller: user), after: cursor, limit: 1)
                if let auction = page.items.first {
                    return "the auction \(auction.auction) is \(status.rawValue)"
                }
                cursor = page.cursor
            } while cursor != nil
        }
        return nil
    }
}
