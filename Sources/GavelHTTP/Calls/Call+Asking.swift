// What calls that read have in common: names that may not exist, words for "me", pages.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON

extension Call {
    /// Asks the ledger.
    /// - Parameter missing: what it means that a name is unknown.
    func asking<R>(
        _ missing: Refusal, _ body: () throws(LedgerError) -> R
    ) throws -> R {
        do { return try body() } catch {
            guard error.code == .unknownName else { throw error }
            throw Problem(missing, error.reason)
        }
    }

    /// Asks the ledger what may take long.
    func askingSlowly<R: Sendable>(
        _ missing: Refusal, _ body: @escaping @Sendable () throws(LedgerError) -> R
    ) async throws -> R {
        try await slowly { try self.asking(missing, body) }
    }

    /// Runs a read that may take long when it is the caller's turn, if she may still read then.
    func slowly<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        let (gate, caller) = (service.gate, signedIn)
        return try await service.slowReads.run(for: causer) {
            if let caller { try gate.check(caller) }
            return try body()
        }
    }

    /// Asks the ledger for a page of a history: oldest first may take long.
    func asking<R: Sendable>(
        _ missing: Refusal, _ direction: History.Direction,
        _ body: @escaping @Sendable () throws(LedgerError) -> R
    ) async throws -> R {
        switch direction {
        case .newestFirst: try asking(missing, body)
        case .oldestFirst: try await askingSlowly(missing, body)
        }
    }

    /// A parameter that is a user, or `me` for the caller.
    func user(_ name: String) throws(Problem) -> UserID? {
        guard let text = try parameter(name) else { return nil }
        if text == "me" { return try caller.user }
        return try identifier(name, as: UserID.self)
    }

    /// A parameter that is true or false.
    func flag(_ name: String) throws(Problem) -> Bool? {
        try word(name, [("true", true), ("false", false)])
    }

    /// In which direction a history is to be read.
    func direction() throws(Problem) -> History.Direction {
        try word("direction", History.Direction.allCases.map { ($0.rawValue, $0) })
            ?? .newestFirst
    }
}

extension Operation.Parameter {
    /// The two parameters of every paged list.
    static let page: [Self] = [
        .init(
            name: "cursor", schema: .string(pattern: "^[A-Za-z0-9_-]{1,\(cursorCharactersMax)}$"),
            detail: "The cursor of the page before, with all else as it was asked then, by the "
                + "same caller."),
        .init(
            name: "limit", schema: .integer(min: 1, max: 200),
            detail: "The most items wanted; 50 where it is not given. A page may hold fewer and "
                + "still have a cursor."),
    ]
    static let direction = Self(
        name: "direction", schema: .word(History.Direction.allCases.map(\.rawValue)),
        detail: "`newest_first` where it is not given.")
}

extension ProblemKind {
    /// The kinds of some refusals and rejections.
    static func kinds(_ refusals: [Refusal], _ rejections: [Rejection.Code] = []) -> [ProblemKind] {
        refusals.map { ProblemKind($0) } + rejections.map { ProblemKind($0) }
    }
}
