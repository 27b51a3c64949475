// What people may do with their accounts: sign in, change what they say of themselves, change the
// password, close.
//
// Invariants: whatever takes a right away is told to the gate, after the change is durable and
// before it is answered; whatever replaces or removes something personal is answered after its
// old bytes were overwritten.

internal import AuctionDomain
internal import Gavel
internal import Logging
internal import Platform

/// The accounts of a service with all they need.
final class Members: Sendable {
    let accounts: AccountStore
    let passwords: PasswordHasher
    let keys: TokenKeys
    let tokens: AccessTokens
    let authenticator: AccountAuthenticator
    let signUps: SignUps
    let gate = CallerGate()
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
            tokens: tokens, accounts: accounts, gate: gate,
            rememberedMax: options.tokensRememberedMax)
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
    func signIn(
        _ name: String, _ password: Password, from peer: PeerAddress? = nil
    ) async throws -> TokenPair {
        let causer = peer.map { Causer.address($0) } ?? .house
        let account = try account(named: name)
        guard try await passwords.matches(password, account?.password, for: causer), let account
        else { throw Problem(.credentialsWrong) }
        var rehashed: PasswordHash?
        if let hash = account.password, passwords.isOutdated(hash) {
            rehashed = try await passwords.hash(password, for: causer)
        }
        let session = try await accounts.signIn(account, rehashed: rehashed, from: peer)
        if rehashed != nil { await eraseUnused() }
        return try await pair(of: session)
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
    func refresh(_ token: String, from peer: PeerAddress? = nil) async throws -> TokenPair {
        try await pair(of: accounts.refresh(token, from: peer))
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
        let causer = Causer.user(account.userID)
        guard try await passwords.matches(password, account.password, for: causer) else {
            throw Problem(.credentialsWrong, "the password is wrong")
        }
    }

    /// Changes what somebody says of herself.
    /// - Throws: `tokenInvalid` where there is no active account.
    func changeProfile(
        of user: UserID, _ change: @escaping @Sendable (inout AccountRow) -> Void
    ) async throws -> AccountRow {
        let row = try await accounts.change(user) { row, _ in change(&row) }
        await eraseUnused()
        return row
    }

    /// Gives an account another password and signs it out everywhere.
    /// - Parameter account: as it was when its present password was confirmed.
    /// - Throws: `tokenInvalid` where the account has changed since; `busy`.
    func setPassword(of account: AccountRow, to password: Password) async throws {
        let user = account.userID
        let hash = try await passwords.hash(password, for: .user(user))
        try await accounts.setPassword(of: user, to: hash, from: account.generation)
        await gate.revoke(user)
        await eraseUnused()
    }

    /// Gives an account other roles.
    func setRoles(of user: UserID, to roles: Roles) async throws {
        try await accounts.change(user) { row, _ in row.roles = roles.names }
        await gate.revoke(user)
    }

    /// Lets another key sign access tokens.
    /// - Parameter dropsFormer: whether tokens signed so far are void at once.
    func rotateKeys(dropsFormer: Bool) async throws {
        try await keys.rotate(always: true, dropsFormer: dropsFormer)
        if dropsFormer { gate.revokeAll() }
    }

    // MARK: Closing

    /// Closes an account: credentials, profile, name and sessions are erased for good.
    ///
    /// What the user has under way, or staff and the payment provider for her, is waited for, and
    /// nothing else begins until it is decided, so that no lot is opened and no money comes behind
    /// the look; afterwards it is refused. A new account can be bound to the user.
    /// - Parameter account: as it was when its password was confirmed.
    /// - Throws: `accountHasFunds`, `tokenInvalid` where the account has changed since; then
    ///   nothing is changed.
    func close(_ account: AccountRow) async throws {
        let (ledger, user) = (ledger, account.userID)
        try await gate.close(user) {
            if let affair = try ledger.affair(of: user) { throw Problem(.accountHasFunds, affair) }
            try await accounts.store.write { transaction in
                let row = try transaction.row(
                    AccountRow.self, in: self.accounts.accounts, at: user.string)
                guard let row, row.status == .active, row.generation == account.generation
                else { throw Problem(.tokenInvalid) }
                try self.accounts.erase(row, transaction)
                try self.accounts.put(.tombstone(row.user), transaction)
            }
        }
        await eraseUnused()
    }

    /// Overwrites what is left in the file of rows that were changed or erased. Where that cannot
    /// be done now, as while somebody reads a long list, it is tried again.
    func eraseUnused() async {
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
        for status in [PublicAuction.Status.open, .scheduled] {
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
