// Movements of money in words.

package import Gavel
import GavelJSON

extension WalletView.Movement {
    /// The movement for people.
    package func words(in currency: Currency) -> String {
        switch kind {
        case .charged(let reference): "charged, reference \(reference)"
        case .withdrawn(let reference): "withdrawn, reference \(reference)"
        case .locked(let held):
            held == amount ? "locked" : "locked, \(held.formatted(in: currency)) in all"
        case .refunded(.outbid): "refunded: outbid"
        case .refunded(.change): "refunded: more was held than is paid"
        case .refunded(.cancelled): "refunded: the auction was cancelled"
        case .refunded(.reserveNotMet): "refunded: the reserve was not met"
        case .refunded(.boughtNow): "refunded: somebody bought the lot"
        case .paid: "paid"
        case .sold: "proceeds of the sale"
        case .fee: "fees of the sale"
        }
    }
}
