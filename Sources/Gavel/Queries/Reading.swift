// Where queries are answered from: a read state and the log it is the fold of.

public import AuctionDomain
internal import Synchronization

/// A place to ask: the live read state of an open ledger, or one loaded for a past moment.
public final class Reading: Sendable {
    let readState: Mutex<ReadState>
    let titleIndex = TitleIndex()
    let log: any EventLog
    /// The log's entries, each held against its hash.
    let entries: CheckedEntries
    package let secret: LedgerSecret
    /// What walks have passed over.
    let passages = Passages()

    init(readState: ReadState, log: any EventLog, secret: LedgerSecret) {
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

extension Reading: Names {
    public func id(of user: UserHandle) -> UserID {
        readState.withLock { $0.state.id(of: user) }
    }
    public func id(of auction: AuctionHandle) -> AuctionID {
        readState.withLock { $0.state.id(of: auction) }
    }
    public func currency(of currency: CurrencyHandle) -> Currency {
        readState.withLock { $0.state.currency(of: currency) }
    }
    public func currency(of auction: AuctionHandle) -> Currency {
        readState.withLock { $0.state.currency(of: auction) }
    }
}

/// Whoever can be asked about wallets, auctions and entries: an open `Ledger`, a `LedgerReader`
/// beside a writer, and either as of a past moment.
///
/// Every answer is consistent in itself and says how many entries it reflects.
public protocol LedgerQueries: Sendable {
    /// Where the answers come from.
    var reading: Reading { get }

    /// The ledger as it stood at a past moment: every query answers as of then.
    func past(_ moment: Moment) throws(LedgerError) -> LedgerReader
}

/// One answer and the position it reflects.
public struct Answer<Value: Sendable>: Sendable {
    public let value: Value
    /// How many entries are reflected.
    public let reflects: UInt64

    init(_ value: Value, reflects: UInt64) {
        self.value = value
        self.reflects = reflects
    }
}

/// A moment of a ledger's past.
public enum Moment: Hashable, Sendable {
    /// After the entry at a position.
    case position(UInt64)
    /// After the last entry that was admitted at or before a time.
    case time(Timestamp)

    /// The moment just before the entry at a position.
    public static func before(_ position: UInt64) -> Moment {
        // No entry was admitted before 1970.
        position == 0 ? .time(Timestamp(nanoseconds: -1)) : .position(position - 1)
    }
}
