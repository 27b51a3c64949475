// A wallet's movements: what each entry did to its two halves, along the links of its entries.
//
// Invariant: the movements of a wallet, added up from the first one on, are its balances: every
// event that moves money gives each wallet it touches one movement, and others give none.

public import AuctionDomain
internal import Synchronization

/// One movement of a wallet's money in one currency.
public struct WalletMovement: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// From outside.
        case charged(PaymentReference)
        /// To outside.
        case withdrawn(PaymentReference)
        /// Locked for an auction; the bidder holds that much on it now.
        case locked(held: Money)
        case refunded(RefundReason)
        /// The winner paid.
        case paid
        /// The seller got the price less the fee.
        case sold
        /// The house got the fees.
        case fee
    }

    public let position: UInt64
    public let time: Timestamp
    /// Nil for what the engine did by itself.
    public let commandID: CommandID?
    public let kind: Kind
    /// Nil for payments.
    public let auction: AuctionHandle?
    public let currency: CurrencyHandle
    /// How much was moved; never negative.
    public let amount: Money
    /// What was added to the available half; negative where money left it.
    public let available: Money
    /// What was added to the locked half.
    public let locked: Money
}

extension LedgerQueries {
    /// Visits the movements of a wallet, oldest first.
    /// - Parameter start: the first position of interest.
    /// - Throws: `LedgerError` with `unknownName`, `damaged` or `storage`; what `body` throws.
    /// - Complexity: O(entries of the wallet from `start` on · log n): it goes back along their
    ///   links and then forwards, eight bytes of memory for each.
    public func forEachMovement(
        of user: UserID, from start: UInt64 = 0, _ body: (WalletMovement) throws -> Void
    ) throws {
        let head = reading.readState.withLock { readState in
            readState.state.user(user).map { ($0, readState.state[$0].lastPosition) }
        }
        guard let (handle, last) = head else {
            throw LedgerError(.unknownName, "there is no user \(user)")
        }
        let chain = EntryLink.Chain.wallet(handle)
        for position in try reading.positions(along: chain, from: last, downTo: start).reversed() {
            let entry = try reading.decoded(at: position).entry
            for event in entry.outcome.events {
                for movement in movements(of: event, in: entry, for: handle) {
                    try body(movement)
                }
            }
        }
    }

    /// What an event did to a wallet: nothing, one thing, or two where the winner, the seller and
    /// the house are not three.
    private func movements(
        of event: Event, in entry: LedgerEntry, for user: UserHandle
    ) -> [WalletMovement] {
        func movement(
            _ kind: WalletMovement.Kind, _ currency: CurrencyHandle, auction: AuctionHandle? = nil,
            _ amount: Money, available: Money, locked: Money
        ) -> WalletMovement {
            WalletMovement(
                position: entry.position, time: entry.time, commandID: entry.commandID,
                kind: kind, auction: auction, currency: currency, amount: amount,
                available: available, locked: locked)
        }
        switch event {
        case .charged(let payment) where payment.user == user:
            return [
                movement(
                    .charged(payment.reference), payment.currency, payment.amount,
                    available: payment.amount, locked: .zero)
            ]
        case .withdrawn(let payment) where payment.user == user:
            return [
                movement(
                    .withdrawn(payment.reference), payment.currency, payment.amount,
                    available: .zero - payment.amount, locked: .zero)
            ]
        case .locked(let auction, user, let amount, let held):
            return [
                movement(
                    .locked(held: held), currency(of: auction), auction: auction, amount,
                    available: .zero - amount, locked: amount)
            ]
        case .refunded(let auction, user, let amount, let reason):
            return [
                movement(
                    .refunded(reason), currency(of: auction), auction: auction, amount,
                    available: amount, locked: .zero - amount)
            ]
        case .settled(let auction, let winner, let seller, let amount, let fee):
            let currency = currency(of: auction)
            var found: [WalletMovement] = []
            if winner == user {
                found.append(
                    movement(
                        .paid, currency, auction: auction, amount, available: .zero,
                        locked: .zero - amount))
            }
            if seller == user, amount > fee {
                found.append(
                    movement(
                        .sold, currency, auction: auction, amount - fee,
                        available: amount - fee, locked: .zero))
            }
            if user == .house, fee > .zero {
                found.append(
                    movement(
                        .fee, currency, auction: auction, fee, available: fee, locked: .zero))
            }
            return found
        case .charged, .withdrawn, .locked, .refunded, .ledgerCreated, .engineOpened,
            .keyRotated, .ledgerRestored, .currencyRegistered, .userRegistered, .auctionOpened,
            .leadTaken, .maximumRaised,
            .bidAbsorbed, .boughtNow, .auctionExtended, .auctionClosed, .closeConfirmed,
            .auctionCancelled:
            return []
        }
    }

    private func currency(of auction: AuctionHandle) -> CurrencyHandle {
        reading.readState.withLock { $0.state[auction].currency }
    }
}
