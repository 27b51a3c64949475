// Entries of the log as anyone may see them, as JSON. The shape is constant: what an entry does
// not have, or what of it is not public, is null.

internal import AuctionDomain
package import Gavel

extension JSONWriter {
    /// Writes what is public of an entry:
    ///
    ///     {"position":12,"leaf":"…","time":"…","command":"place_bid","auction":"lot-1",
    ///      "events":["lead_taken"],"title":null,"seller":null,"currency":"USD","bidder":"alice",
    ///      "price":1500,"opens_at":null,"closes_at":null,"reason":null,"outcome":null,
    ///      "winner":null,"paid":null}
    ///
    /// `leaf` is the hash of the entry's bytes, in base64. A blanked entry has nothing but
    /// `position` and `leaf`. `price` is the price after the entry; `reason` says why an end was
    /// moved, or in the words of who did it why an auction was cancelled.
    package mutating func publicEntry(_ entry: PublicLogEntry, names: some Names) {
        let open = entry.entry
        object { object in
            object.field("position", entry.position)
            object.field("leaf", entry.leaf.base64)
            object.field("time", open?.time)
            object.field("command", open?.kind.rawValue)
            object.field("auction", open.map { names.id(of: $0.auction) })
            object.name("events")
            object.array { array in
                for name in open?.events ?? [] { array.value(name) }
            }
            object.field("title", open?.title)
            object.field("seller", open?.seller.map { names.id(of: $0) })
            object.field("currency", open.map { names.currency(of: $0.auction).code })
            object.field("bidder", open?.bidder.map { names.id(of: $0) })
            object.field("price", open?.price)
            object.field("opens_at", open?.opensAt)
            object.field("closes_at", open?.closesAt)
            object.field("reason", open?.extensionReason?.jsonName ?? open?.cancelReason)
            object.field("outcome", open?.outcome?.jsonName)
            object.field("winner", open?.winner.map { names.id(of: $0) })
            object.field("paid", open?.paid)
        }
    }
}
