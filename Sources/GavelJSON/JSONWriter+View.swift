// Answers to queries as JSON. Shapes are constant: what a view does not have is null.

import AuctionDomain
public import Gavel

extension JSONWriter {
    /// Writes an auction. `price` is what the bidding has reached so far and `leader` who leads;
    /// `winner` is set once the lot is sold.
    public mutating func auction(_ view: AuctionView) {
        object { object in
            object.field("auction", view.auction)
            object.field("title", view.title)
            object.field("seller", view.seller)
            object.field("currency", view.currency.code)
            object.field("scale", view.currency.scale)
            object.field("status", view.status.jsonName)
            object.field("outcome", view.outcome?.jsonName)
            object.field("winner", view.winner)
            object.field("leader", view.leader)
            object.field("price", view.price)
            object.field("minimum_bid", view.minimumBid)
            object.field("bids", view.bids)
            object.field("accepted_bids", view.acceptedBids)
            object.field("opens_at", view.opensAt)
            object.field("closes_at", view.closesAt)
            object.name("rules")
            object.rules(view.rules, isComplete: true)
            object.field("opened_position", view.openedPosition)
            object.field("closed_position", view.closedPosition)
        }
    }

    /// Writes a wallet with all its balances and holds.
    public mutating func wallet(_ view: WalletView) {
        object { object in
            object.field("user", view.user)
            object.name("balances")
            object.array { array in
                for balance in view.balances { array.balance(balance) }
            }
        }
    }

    private mutating func balance(_ view: BalanceView) {
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
