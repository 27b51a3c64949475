// Movements as rows: JSON objects and CSV lines with the same columns.
//
// Invariant: over all rows of one currency, the changes sum to what was charged minus what was
// withdrawn, and the last row of a wallet has its balances.

import AuctionDomain
public import Gavel

extension JSONWriter {
    /// Writes one movement of an entry as an object:
    ///
    ///     {"position":9,"time":"…","id":"…","event":"locked","auction":"lot-1","user":"alice",
    ///      "currency":"USD","amount":1500,"available_change":-1500,"locked_change":1500,
    ///      "available":48500,"locked":1500,"reference":null}
    ///
    /// `id` is null for what the engine wrote by itself, `auction` for payments, `reference` for
    /// everything else.
    public mutating func movement(
        _ movement: Movement, of entry: LedgerEntry, names: some Names
    ) {
        object { object in
            object.field("position", entry.position)
            object.field("time", entry.time)
            object.field("id", entry.commandID?.description)
            object.field("event", movement.event)
            object.field("auction", movement.auction.map { names.id(of: $0) })
            object.field("user", names.id(of: movement.user))
            object.field("currency", movement.currency.code)
            object.field("amount", movement.amount)
            object.field("available_change", movement.availableChange)
            object.field("locked_change", movement.lockedChange)
            object.field("available", movement.available)
            object.field("locked", movement.locked)
            object.field("reference", movement.reference)
        }
    }
}

extension CSVWriter {
    /// Writes the columns of `movement(_:of:names:)`.
    public mutating func movementsHeader() {
        row([
            "position", "time", "id", "event", "auction", "user", "currency", "amount",
            "available_change", "locked_change", "available", "locked", "reference",
        ])
    }

    /// Writes one movement of an entry, with the columns of the JSON object.
    public mutating func movement(
        _ movement: Movement, of entry: LedgerEntry, names: some Names
    ) {
        row([
            String(entry.position), entry.time.rfc3339, entry.commandID?.description,
            movement.event, movement.auction.map { names.id(of: $0).string },
            names.id(of: movement.user).string, movement.currency.code.string,
            String(movement.amount.minorUnits), String(movement.availableChange.minorUnits),
            String(movement.lockedChange.minorUnits), String(movement.available.minorUnits),
            String(movement.locked.minorUnits), movement.reference?.string,
        ])
    }
}
