// Adding up a wallet's movements, and holding the sum against what the ledger says.
//
// Invariant: nothing of the ledger's own balances flows into the sum but the opening ones, which
// are the fold before the period.

package import Gavel
import GavelJSON
import GavelProgram

/// The balances of one wallet while its movements are added up.
package struct RunningBalances {
    package struct Balance: Equatable {
        package let currency: Currency
        package var available: Money
        package var locked: Money
    }

    /// In order of currency code.
    package private(set) var balances: [Balance] = []

    /// - Parameters:
    ///   - opening: the wallet before the period; nil where there was none.
    ///   - currencies: those that begin with nothing where the opening does not have them.
    package init(opening: WalletView? = nil, currencies: [Currency] = []) {
        for balance in opening?.balances ?? [] {
            balances.append(
                Balance(
                    currency: balance.currency, available: balance.available,
                    locked: balance.locked))
        }
        for currency in currencies { begin(currency) }
        sort()
    }

    private mutating func begin(_ currency: Currency) {
        if balances.contains(where: { $0.currency == currency }) { return }
        balances.append(Balance(currency: currency, available: .zero, locked: .zero))
    }

    /// Adds a movement.
    /// - Returns: the balance after it.
    /// - Throws: `Failure` where it takes more than there is.
    package mutating func add(_ movement: WalletView.Movement, in currency: Currency) throws
        -> Balance
    {
        begin(currency)
        sort()
        guard let place = balances.firstIndex(where: { $0.currency == currency }),
            let available = balances[place].available.adding(movement.available),
            let locked = balances[place].locked.adding(movement.locked),
            available >= .zero, locked >= .zero
        else {
            throw Failure(
                .finding,
                "the entry at position \(movement.position) moves money that the movements before "
                    + "it do not add up to")
        }
        balances[place].available = available
        balances[place].locked = locked
        return balances[place]
    }

    /// Where the sum is not what the ledger says, in words; nil where it is.
    package func disagreement(with wallet: WalletView) -> String? {
        for balance in wallet.balances {
            let sum = balances.first { $0.currency == balance.currency }
            let (available, locked) = (sum?.available ?? .zero, sum?.locked ?? .zero)
            guard available == balance.available, locked == balance.locked else {
                return "the movements of \(wallet.user) add up to "
                    + words(available, locked, balance.currency) + ", but the ledger has "
                    + words(balance.available, balance.locked, balance.currency)
            }
            let held = balance.holds.reduce(Money.zero) { $0.adding($1.amount) ?? .max }
            guard held == balance.locked else {
                return "the holds of \(wallet.user) add up to "
                    + "\(held.formatted(in: balance.currency)), but "
                    + "\(balance.locked.formatted(in: balance.currency)) is locked"
            }
        }
        let extra = balances.first { sum in
            !wallet.balances.contains { $0.currency == sum.currency }
        }
        return extra.map { extra in
            "the movements of \(wallet.user) add up to "
                + words(extra.available, extra.locked, extra.currency)
                + ", but the ledger has none of that currency"
        }
    }

    private func words(_ available: Money, _ locked: Money, _ currency: Currency) -> String {
        "\(available.formatted(in: currency)) available and "
            + "\(locked.formatted(in: currency)) locked"
    }

    private mutating func sort() { balances.sort { $0.currency.code < $1.currency.code } }
}
