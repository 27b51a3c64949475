// Answers to queries as JSON. Shapes are constant: what a view does not have is null.

import AuctionDomain
public import Gavel

extension JSONWriter {
    /// Writes an auction. `price` is what the bidding has reached so far and `leader` who leads;
    /// `winner` and `paid` are set once the lot is sold.
    public mutating func auction(_ view: AuctionView) {
        object { $0.fields(of: view) }
    }

    /// Writes an auction as `auction(_:)` does, and its story as the field `steps`.
    /// - Parameter steps: writes the elements of the array.
    public mutating func auction(
        _ view: AuctionView, steps: (inout JSONWriter) throws -> Void
    ) rethrows {
        try object { object in
            object.fields(of: view)
            object.name("steps")
            try object.array { try steps(&$0) }
        }
    }

    private mutating func fields(of view: AuctionView) {
        field("auction", view.auction)
        field("title", view.title)
        field("seller", view.seller)
        standing(
            in: view.currency, view.status, view.outcome, winner: view.winner, leader: view.leader,
            price: view.price)
        field("paid", view.paid)
        field("minimum_bid", view.minimumBid)
        field("bids", view.bids)
        field("accepted_bids", view.acceptedBids)
        field("opens_at", view.opensAt)
        field("closes_at", view.closesAt)
        field("extensions", view.extensions)
        field("reserve_met", view.isReserveMet)
        field("buy_now_price", view.buyNowPrice)
        origin(view.rules, opened: view.openedPosition, closed: view.closedPosition)
    }

    /// Writes how an auction stands, as every view of one does.
    mutating func standing(
        in currency: Currency, _ status: PublicAuction.Status, _ outcome: AuctionOutcome?,
        winner: UserID?, leader: UserID?, price: Money?
    ) {
        field("currency", currency.code)
        field("scale", currency.scale)
        field("status", status.jsonName)
        field("outcome", outcome?.jsonName)
        field("winner", winner)
        field("leader", leader)
        field("price", price)
    }

    /// Writes the rules of an auction and where in the log it begins and ends, as every whole view
    /// of one does.
    mutating func origin(_ rules: AuctionRules, opened: UInt64, closed: UInt64?) {
        name("rules")
        self.rules(rules, isComplete: true)
        field("opened_position", opened)
        field("closed_position", closed)
    }

    /// Writes a wallet with all its balances and holds.
    public mutating func wallet(_ view: WalletView) {
        object { object in
            object.field("user", view.user)
            object.name("balances")
            object.balances(of: view)
        }
    }

    /// Writes all balances of a wallet with their holds, as an array.
    public mutating func balances(of view: WalletView) {
        array { array in
            for balance in view.balances { array.balance(balance) }
        }
    }

    private mutating func balance(_ view: WalletView.Balance) {
        object { object in
            object.field("currency", view.currency.code)
            object.field("scale", view.currency.scale)
            object.field("available", view.available)
            object.field("locked", view.locked)
            object.name("holds")
            object.array { array in
                for hold in view.holds {
                    array.object { object in
                        object.field("auction", hold.auction)
                        object.field("amount", hold.amount)
                    }
                }
            }
        }
    }

    /// Writes a page: `{"items":[…],"cursor":…,"reflects":12}`; `cursor` is null on the last one.
    ///
    ///     writer.page(page) { $0.auction($1) }
    public mutating func page<Element>(
        _ page: Page<Element>, _ item: (inout JSONWriter, Element) -> Void
    ) {
        object { object in
            object.name("items")
            object.array { array in
                for element in page.items { item(&array, element) }
            }
            object.field("cursor", page.cursor)
            object.field("reflects", page.reflects)
        }
    }
}
