// What a caller gets back.
//
// Invariant: a receipt that names a position is handed out only when that entry, and everything
// before it, is durable.

public import AuctionDomain

/// The answer to one submission: a small plain value. Its events are read by position.
public struct Receipt: Hashable, Sendable {
    public enum Status: UInt8, Hashable, Sendable {
        /// Decided and written: its events took effect.
        case accepted
        /// Judged and written as evidence; nothing changed.
        case rejected
        /// Not taken: nothing was written and the command id stays free.
        case refused

        /// The status in JSON and tables.
        public var name: String {
            switch self {
            case .accepted: "accepted"
            case .rejected: "rejected"
            case .refused: "refused"
            }
        }
    }

    public let status: Status
    /// Whether this is the first receipt again, for a command id seen before.
    public let isReplay: Bool
    /// The number of the rejection or refusal; 0 when accepted.
    private let code: UInt16
    /// Of a refusal by time: the time in the id, in milliseconds.
    private let rawPosition: UInt64
    private let rawTime: Timestamp
    private let limit: Money

    /// The receipt of an accepted command.
    public init(acceptedAt position: UInt64, time: Timestamp, isReplay: Bool = false) {
        self.init(
            status: .accepted, isReplay: isReplay, code: 0, position: position, time: time,
            limit: .zero)
    }

    /// The receipt of a rejected command.
    public init(
        rejectedAt position: UInt64, time: Timestamp, _ rejection: Rejection,
        isReplay: Bool = false
    ) {
        self.init(
            status: .rejected, isReplay: isReplay, code: rejection.code.rawValue,
            position: position, time: time, limit: rejection.limit)
    }

    /// The receipt of a command that was not taken.
    public init(refused refusal: Refusal) {
        self.init(
            status: .refused, isReplay: false, code: refusal.rawValue, position: noPosition,
            time: .zero, limit: .zero)
    }

    /// The receipt of a command that was not taken, with the clocks where its id's time is why.
    /// - Parameter time: what the ledger's clock said.
    package init(refused refusal: Refusal, id: CommandID, at time: Timestamp) {
        guard refusal.isOfTime else {
            self.init(refused: refusal)
            return
        }
        self.init(
            status: .refused, isReplay: false, code: refusal.rawValue,
            position: id.milliseconds, time: time, limit: .zero)
    }

    private init(
        status: Status, isReplay: Bool, code: UInt16, position: UInt64, time: Timestamp,
        limit: Money
    ) {
        self.status = status
        self.isReplay = isReplay
        self.code = code
        rawPosition = position
        rawTime = time
        self.limit = limit
    }

    /// The entry's position; nil when refused.
    public var position: UInt64? { status == .refused ? nil : rawPosition }
    /// When the entry was admitted; nil when refused.
    public var time: Timestamp? { status == .refused ? nil : rawTime }
    /// The rule that said no, when rejected.
    public var rejection: Rejection? {
        guard status == .rejected, let code = Rejection.Code(rawValue: code) else { return nil }
        return Rejection(code, limit: limit)
    }
    /// Why the command was not taken, when refused.
    public var refusal: Refusal? {
        status == .refused ? Refusal(rawValue: code) : nil
    }
    /// The time in the id and the ledger's own (``Ledger/now``), where the command was refused
    /// since they do not fit (`commandIDExpired`, `commandIDInFuture`): one of the clocks is wrong,
    /// or the command is late. Nil otherwise, and where the ledger was not asked.
    public var clocks: (id: Timestamp, ledger: Timestamp)? {
        guard let refusal, refusal.isOfTime, rawPosition != noPosition else { return nil }
        return (Timestamp(milliseconds: Int64(rawPosition)), rawTime)
    }
}

extension Refusal {
    /// Whether a command is refused by the time in its id.
    fileprivate var isOfTime: Bool {
        switch self {
        case .commandIDExpired, .commandIDInFuture: true
        case .malformed, .commandIDMalformed, .commandIDReused, .userNotFound, .currencyNotFound,
            .auctionNotFound, .queueFull, .storageLow, .closingHeld, .shuttingDown,
            .tooManyRejections, .batchTooLarge:
            false
        }
    }
}
