// Who stands behind the handles of an entry.

public import AuctionDomain

/// Whoever can say what handles stand for. A state can, for everything up to its position.
public protocol Names {
    func id(of user: UserHandle) -> UserID
    func id(of auction: AuctionHandle) -> AuctionID
    func currency(of currency: CurrencyHandle) -> Currency
    /// The currency an auction is held in.
    func currency(of auction: AuctionHandle) -> Currency
}

extension State: Names {
    public func currency(of currency: CurrencyHandle) -> Currency { self[currency].currency }
    public func currency(of auction: AuctionHandle) -> Currency {
        self[self[auction].currency].currency
    }
}
