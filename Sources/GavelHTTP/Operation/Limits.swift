// All limits of the service by what they count, and whom.
//
// Invariants: a limit is keyed on whoever causes the cost, so that nobody uses up another's
// (decision 0025); what was taken for a command that wrote nothing new is given back; each limit
// counts how often it said no.

internal import AuctionDomain
internal import Gavel

/// All limits of a service.
struct Limits: Sendable {
    /// A name that somebody at an address tries passwords for.
    struct Guesser: Hashable, Sendable {
        /// In lower case.
        var name: String
        var peer: PeerAddress
    }

    /// Calls by signed-in user.
    let users: RateLimit<UserID>
    /// Calls by address, of those who are not signed in.
    let addresses: RateLimit<PeerAddress>
    /// Tokens by address that were not valid.
    let failures: RateLimit<PeerAddress>
    /// Rejections a user may cause.
    let rejections: RateLimit<UserID>
    /// Accepted commands of a user that cost nothing and fill the log.
    let openings: RateLimit<UserID>
    let closes: RateLimit<UserID>
    let raises: RateLimit<UserID>
    let withdrawals: RateLimit<UserID>
    /// Accounts made from an address.
    let signUps: RateLimit<PeerAddress>
    /// Passwords tried from an address, whatever the name.
    let passwordsByAddress: RateLimit<PeerAddress>
    /// Wrong passwords for a name from one address.
    let passwordsByGuesser: RateLimit<Guesser>
    /// Wrong passwords for a name from addresses that its owner has not come from.
    let passwordsByName: RateLimit<String>
    /// Wrong passwords of callers who are signed in.
    let confirmations: RateLimit<UserID>

    init(_ options: ServiceOptions) {
        users = RateLimit(rate: options.callsPerSecondByUser, burst: options.callsBurst)
        addresses = RateLimit(rate: options.callsPerSecondByAddress, burst: options.callsBurst)
        failures = RateLimit(rate: options.callsPerSecondByAddress, burst: options.callsBurst)
        rejections = RateLimit(perMinute: options.rejectionsPerMinute)
        openings = RateLimit(perMinute: options.openingsPerMinute)
        closes = RateLimit(perMinute: options.openingsPerMinute)
        raises = RateLimit(perMinute: options.raisesPerMinute)
        withdrawals = RateLimit(perMinute: options.withdrawalsPerMinute)
        signUps = RateLimit(perHour: options.signUpsPerHourByAddress)
        passwordsByAddress = RateLimit(perHour: options.signInsPerHourByAddress)
        passwordsByGuesser = RateLimit(perHour: options.signInsPerHourByUser)
        passwordsByName = RateLimit(perHour: options.signInsPerHourByName)
        confirmations = RateLimit(perHour: options.signInsPerHourByUser)
    }

    /// How often each limit said no, by the setting that it has its number from.
    var refused: [(limit: String, count: Int)] {
        [
            ("user-calls", users.refusedCount),
            ("address-calls", addresses.refusedCount + failures.refusedCount),
            ("rejections", rejections.refusedCount),
            ("openings", openings.refusedCount + closes.refusedCount),
            ("raises", raises.refusedCount),
            ("withdrawals", withdrawals.refusedCount),
            ("address-sign-ups", signUps.refusedCount),
            ("address-sign-ins", passwordsByAddress.refusedCount),
            ("user-sign-ins", passwordsByGuesser.refusedCount + confirmations.refusedCount),
            ("name-sign-ins", passwordsByName.refusedCount),
        ]
    }

    // MARK: Passwords

    /// Runs a try of a password by somebody who is not signed in. It is counted for the name where
    /// the password was wrong.
    /// - Parameter isKnown: whether the owner of the name has come from the address: then
    ///   strangers' tries are none of the owner's concern. Asked only where they are too many.
    /// - Throws: `rateLimited`; what `isKnown` and `body` throw.
    func signIn<R>(
        _ guesser: Guesser, isKnown: () throws -> Bool, _ body: () async throws -> R
    ) async throws -> R {
        try passwordsByAddress.check(guesser.peer)
        try passwordsByGuesser.check(guesser)
        let isCounted = passwordsByName.take(guesser.name)
        if !isCounted, try !isKnown() { throw passwordsByName.problem(guesser.name) }
        return try await guess(body) {
            passwordsByGuesser.giveBack(guesser)
            if isCounted { passwordsByName.giveBack(guesser.name) }
        }
    }

    /// Runs a try of a signed-in caller's own password. What strangers try for the name is none of
    /// the caller's concern.
    /// - Throws: `rateLimited`; what `body` throws.
    func confirm<R>(_ user: UserID, _ body: () async throws -> R) async throws -> R {
        try confirmations.check(user)
        return try await guess(body) { confirmations.giveBack(user) }
    }

    /// A try that did not find a password wrong was no guess: it was right, or answered `busy`.
    private func guess<R>(
        _ body: () async throws -> R, wasNone giveBack: () -> Void
    ) async throws -> R {
        var isGuess = false
        defer { if !isGuess { giveBack() } }
        do { return try await body() } catch let problem as Problem {
            isGuess = problem.kind == .credentialsWrong
            throw problem
        }
    }

    // MARK: Commands

    /// Counts a command that a user may send for nothing, before it is submitted.
    /// - Parameter isLeast: whether a bid is the least there can be, or raises the own maximum.
    /// - Returns: the limit that counts it, which wants it back where nothing new is written.
    /// - Throws: `tooManyCommands`.
    func check(
        _ command: Command, by user: UserID, isLeast: () -> Bool
    ) throws(Problem) -> RateLimit<UserID>? {
        let limit: RateLimit<UserID>
        switch command {
        case .openAuction: limit = openings
        // Anyone's close of a closed auction is an entry that confirms the outcome.
        case .closeAuction: limit = closes
        case .withdraw: limit = withdrawals
        case .placeBid:
            guard raises.isLimiting, isLeast() else { return nil }
            limit = raises
        case .registerCurrency, .registerUser, .charge, .buyNow, .extendAuction, .cancelAuction:
            return nil
        }
        guard limit.take(user) else { throw limit.problem(user, .tooManyCommands) }
        return limit
    }
}

extension RateLimit {
    /// So many a minute, and as many at once; 0 sets no limit.
    convenience init(perMinute number: Double) { self.init(rate: number / 60, burst: number) }
    /// So many an hour, and as many at once; 0 sets no limit.
    convenience init(perHour number: Double) { self.init(rate: number / 3600, burst: number) }
}
