// Where queries are answered from: a read state and the log it is the fold of.

public import AuctionDomain
internal import Synchronization

/// A place to ask: the live read state of an open ledger, or one loaded for a past moment.
public final class Reading: Sendable {
    let readState: Mutex<ReadState>
    let titleIndex = TitleIndex()
    let log: any LogReader
    /// The log's entries, each held against its hash.
    let entries: CheckedEntries
    package let secret: LedgerSecret
    /// What walks have passed over.
    let passages = Passages()

    init(readState: ReadState, log: any LogReader, secret: LedgerSecret) {
        self.readState = Mutex(readState)
        self.log = log
        entries = CheckedEntries(log)
        self.secret = secret
    }
}

extension Reading {
    /// The currencies registered, in order.
    public var currencies: [Currency] {
        readState.withLock { $0.state.currencies.map(\.currency) }
    }
}

extension Reading {
    /// Asks about one auction, as of one moment.
    /// - Throws: `LedgerError` with `unknownName`.
    func answer<Value: Sendable>(
        about id: AuctionID, _ body: (inout ReadState, AuctionHandle) -> Value
    ) throws(LedgerError) -> Answer<Value> {
        let answer = readState.withLock { state in
            state.state.auction(id).map {
                Answer(body(&state, $0), reflects: state.entryCount)
            }
        }
        guard let answer else { throw LedgerError(.unknownName, "there is no auction \(id)") }
        return answer
    }

    /// Asks about one user, as of one moment.
    /// - Throws: `LedgerError` with `unknownName`.
    func answer<Value: Sendable>(
        about id: UserID, _ body: (inout ReadState, UserHandle) -> Value
    ) throws(LedgerError) -> Answer<Value> {
        let answer = readState.withLock { state in
            state.state.user(id).map { Answer(body(&state, $0), reflects: state.entryCount) }
        }
        guard let answer else { throw LedgerError(.unknownName, "there is no user \(id)") }
        return answer
    }
}

/// A handle that stands for nothing here, because it is of another ledger or was given after what
/// is reflected, has the name `?`, which no name can be.
extension Reading: Names {
    public func id(of user: UserHandle) -> UserID {
        readState.withLock { $0.knows(user) ? $0.state.id(of: user) : UserID(unchecked: "?") }
    }
    public func id(of auction: AuctionHandle) -> AuctionID {
        readState.withLock {
            $0.knows(auction) ? $0.state.id(of: auction) : AuctionID(unchecked: "?")
        }
    }
    public func currency(of currency: CurrencyHandle) -> Currency {
        readState.withLock {
            currency.index < $0.state.currencyCount
                ? $0.state.currency(of: currency) : .unknown
        }
    }
    public func currency(of auction: AuctionHandle) -> Currency {
        readState.withLock { $0.knows(auction) ? $0.state.currency(of: auction) : .unknown }
    }
}

extension Currency {
    fileprivate static let unknown = Currency(code: CurrencyCode(unchecked: "?"), scale: 0)
}

extension ReadState {
    /// Whether a handle stands for a user, or an auction: to be asked of every one from outside.
    func knows(_ user: UserHandle) -> Bool { user.index < state.userCount }
    func knows(_ auction: AuctionHandle) -> Bool { auction.index < state.auctionCount }
}
