// Signing up: an account and a user of the ledger, both or neither, wherever a crash comes.
//
//     1  reserve    one durable transaction: a pending row with a command id, and the name
//     2  register   the ledger takes `register_user` under that id, once for ever
//     3  activate   one durable transaction: the row is active and has its profile
//
// Invariants: the id of the user is drawn for the row, so the ledger knows the user exactly if
// step 2 of this row was done; until step 3 nobody can sign in; start-up brings every pending row
// to step 3 or takes it and its name away.

internal import AuctionDomain
internal import Crypto
internal import Foundation
internal import Gavel
internal import Platform

/// What somebody signs up with.
struct SignUpRequest: Sendable {
    var username: Username
    var password: Password
    var displayName: String?
    var email: String?
    var roles: [String] = []

    /// All but the password, as a repeat must say it again.
    var digest: String {
        var hash = SHA256()
        for part in [username.text, displayName, email] {
            hash.update(data: Array((part.map { "=\($0)" } ?? "-").utf8) + [0])
        }
        return Array(hash.finalize()).base64URL
    }
}

extension AccountRow {
    /// The account as it was when the sign-up was answered first, whatever has become of it since:
    /// who repeats a sign-up has shown no password, and is told nothing but what the repeat says.
    func asSignedUp(with request: SignUpRequest) -> AccountRow {
        var row = self
        row.roles = request.roles
        (row.displayName, row.about, row.email) = (request.displayName, nil, request.email)
        return row
    }
}

/// Signs people up.
struct SignUps: Sendable {
    let accounts: AccountStore
    let passwords: PasswordHasher
    let ledger: Ledger

    private var commandIDs: CommandIDs { CommandIDs(secret: ledger.reading.secret) }

    /// Signs somebody up, or answers again what a sign-up with the same key was answered.
    ///
    /// The password of a repeat is not looked at: the answer is the same whatever it is, so nobody
    /// can try passwords here. So of the row only what the repeat has said itself may be told.
    /// - Parameters:
    ///   - key: the caller's own; nil draws one.
    ///   - causer: for whom the password is hashed.
    /// - Throws: `usernameTaken`, `commandIDReused`, `busy`, or why the ledger took no command.
    func signUp(
        _ request: SignUpRequest, key: CommandID?, for causer: Causer = .house
    ) async throws -> (row: AccountRow, isReplay: Bool) {
        // More than once when somebody takes the name between the look and the reservation.
        for _ in 0..<3 {
            if let row = try accounts.account(named: request.username) {
                try checkRepeat(of: row, request, key)
                if row.status == .active { return (row, true) }
                return (try await finish(row), true)
            }
            let hash = try await passwords.hash(request.password, for: causer)
            if let row = try await reserve(request, hash, key: key) {
                return (try await finish(row), false)
            }
        }
        throw Problem(.usernameTaken)
    }

    /// - Throws: unless the name is this very sign-up's.
    private func checkRepeat(
        of row: AccountRow, _ request: SignUpRequest, _ key: CommandID?
    ) throws {
        // In rows of former versions the command's id is the key itself.
        guard let key,
            [commandIDs.signUpID(of: key), key].contains(where: { $0.description == row.commandID })
        else { throw Problem(.usernameTaken) }
        guard row.signUpDigest == request.digest else { throw Problem(.commandIDReused) }
    }

    private func finish(_ row: AccountRow) async throws -> AccountRow {
        let registration = try await register(row)
        return try await activate(row, registration)
    }

    // MARK: Steps

    /// Step 1.
    /// - Returns: nil when the name is taken.
    func reserve(
        _ request: SignUpRequest, _ hash: PasswordHash, key: CommandID?
    ) async throws -> AccountRow? {
        let now = accounts.clock.now()
        let row = AccountRow(
            user: Drawing.user().string, status: .pending, username: request.username.text,
            roles: request.roles, password: hash, displayName: request.displayName,
            email: request.email, since: now.nanoseconds,
            commandID: commandIDs.signUpID(of: key ?? .generate(at: ledger.now)).description,
            signUpDigest: request.digest)
        return try await accounts.store.write { transaction in
            let key = accounts.nameKey(request.username.key)
            guard try transaction.text(in: accounts.names, at: key) == nil else { return nil }
            try accounts.put(row, transaction)
            return row
        }
    }

    /// Where and when the ledger registered a user.
    struct Registration: Sendable {
        var position: UInt64
        var time: Timestamp
    }

    /// Step 2; any number of times.
    /// - Throws: why the ledger takes no command. Where it is certain that it never will take this
    ///   one, the row and its name are gone.
    func register(_ row: AccountRow) async throws -> Registration {
        guard let text = row.commandID, let id = try? CommandID(text) else {
            throw Problem(.internalError)
        }
        let receipt = try await ledger.submit(.registerUser(row.userID), id: id, by: .operator)
        if receipt.status == .accepted, let position = receipt.position, let time = receipt.time {
            return Registration(position: position, time: time)
        }
        // Too old an id is refused whatever became of it; the log knows.
        if ledger.knows(row.userID), let entry = try ledger.entry(withID: id) {
            return Registration(position: entry.position, time: entry.time)
        }
        if receipt.refusal != .shuttingDown { try await abandon(row) }
        throw Problem(receipt) ?? Problem(.internalError)
    }

    /// Step 3; any number of times.
    /// - Throws: `usernameTaken` when a repeat of this sign-up gave the name away meanwhile.
    func activate(_ row: AccountRow, _ registration: Registration) async throws -> AccountRow {
        try await accounts.store.write { transaction in
            let kept = try transaction.row(
                AccountRow.self, in: accounts.accounts, at: row.user)
            if let kept, kept.status != .pending { return kept }
            if kept == nil, let name = row.username,
                try transaction.text(in: accounts.names, at: accounts.nameKey(name)) != nil
            {
                throw Problem(.usernameTaken)
            }
            var active = kept ?? row
            active.status = .active
            active.position = registration.position
            active.since = registration.time.nanoseconds
            try accounts.put(active, transaction)
            return active
        }
    }

    /// Takes a pending row and its name away.
    private func abandon(_ row: AccountRow) async throws {
        try await accounts.store.write { transaction in
            let kept = try transaction.row(
                AccountRow.self, in: accounts.accounts, at: row.user)
            guard let kept, kept.status == .pending else { return }
            try accounts.erase(kept, transaction)
        }
        // Where it cannot be done now the store tries again.
        try? await accounts.store.eraseUnused()
    }

    // MARK: Start-up

    /// Brings every sign-up that a crash interrupted to an end.
    /// - Returns: how many were finished and how many taken away.
    @discardableResult
    func settle() async throws -> (finished: Int, abandoned: Int) {
        var counts = (finished: 0, abandoned: 0)
        for row in try accounts.pendingAccounts() {
            do {
                _ = try await finish(row)
                counts.finished += 1
            } catch is Problem {
                // Refused for good; or the ledger is in trouble, which the row outlives.
                if try accounts.account(of: row.userID) == nil { counts.abandoned += 1 }
            }
        }
        return counts
    }
}

extension Ledger {
    /// Whether a user is registered.
    func knows(_ user: UserID) -> Bool { (try? wallet(user)) != nil }
}
