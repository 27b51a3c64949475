// One entry of the log for people: who asked what, what came of it, and where money went.
//
// Invariant: every amount is exact and has its currency; nothing that the entry holds is left out
// but links and the tree's own bookkeeping.

package import Gavel
import GavelJSON

/// The lines that tell an entry.
package struct EntryInWords {
    private let entry: LedgerEntry
    private let names: any Names
    /// What the ledger called itself where the entry is proven, and its id before the entry.
    private let origin: String?
    private let formerID: LedgerID?

    package init(
        _ entry: LedgerEntry, names: any Names, origin: String? = nil, formerID: LedgerID? = nil
    ) {
        self.entry = entry
        self.names = names
        self.origin = origin
        self.formerID = formerID
    }

    package var fields: [(name: String, value: String?)] {
        var fields: [(name: String, value: String?)] = [
            ("position", String(entry.position)),
            ("time", entry.time.rfc3339),
            ("by", actorName(of: entry, names: names)),
            ("id", entry.commandID?.description),
            ("command", entry.command.jsonName),
        ]
        fields += commandFields
        switch entry.outcome {
        case .rejected(let rejection):
            let currency = entry.command.auction.map { names.currency(of: $0) } ?? commandCurrency
            fields.append(("outcome", "rejected: " + describeRejection(rejection, in: currency)))
        case .accepted(let events):
            fields.append(("outcome", "accepted"))
            fields += events.map { ("", words(for: $0)) }
        }
        return fields
    }

    private var commandCurrency: Currency? {
        entry.command.currency.map { names.currency(of: $0) }
    }

    private var commandFields: [(name: String, value: String?)] {
        let auction = entry.command.auction.map { names.id(of: $0).string }
        switch entry.command {
        case .placeBid(let handle, let bidder, let bid):
            return [
                ("auction", auction), ("bidder", names.id(of: bidder).string),
                ("amount", amount(bid, handle)),
            ]
        case .buyNow(_, let buyer):
            return [("auction", auction), ("buyer", names.id(of: buyer).string)]
        case .charge(let payment), .withdraw(let payment):
            return [
                ("user", names.id(of: payment.user).string),
                ("amount", payment.amount.formatted(in: names.currency(of: payment.currency))),
                ("reference", payment.reference.string),
            ]
        case .openAuction(let opening):
            let currency = names.currency(of: opening.currency)
            return [
                ("auction", opening.auction.string),
                ("title", opening.title.isEmpty ? nil : opening.title),
                ("seller", names.id(of: opening.seller).string),
                ("opening price", opening.rules.openingPrice.formatted(in: currency)),
                ("reserve", opening.rules.reservePrice?.formatted(in: currency)),
                ("closes at", opening.closesAt?.rfc3339),
            ]
        case .extendAuction(_, let closesAt):
            return [("auction", auction), ("closes at", closesAt.rfc3339)]
        case .extendOutage(_, let since, let until):
            return [
                ("auction", auction), ("outage since", since.rfc3339),
                ("outage until", until.rfc3339),
            ]
        case .cancelAuction(_, let reason):
            return [("auction", auction), ("reason", reason.isEmpty ? nil : reason)]
        case .closeAuction, .closeDue: return [("auction", auction)]
        case .registerUser(let user): return [("user", user.string)]
        case .registerCurrency(let currency):
            return [("currency", "\(currency.code.string), \(currency.scale) decimals")]
        case .openEngine(let epoch, let version):
            return [("engine", "\(version), opened for the \(epoch). time")]
        case .createLedger(let id): return [("ledger", id.origin)]
        case .rotateKey(let rotation): return fields(of: rotation)
        case .restoreLedger(let restoration): return fields(of: restoration)
        }
    }

    /// The keys, as they are published where the name of the ledger is known.
    private func fields(of rotation: KeyRotation) -> [(name: String, value: String?)] {
        let signed = formerID.map { id in
            rotation.isSigned(of: id)
                ? "by the former key, for the new one: right"
                : "by the former key, for the new one: WRONG"
        }
        return [
            ("former key", verifierKey(rotation.previous)),
            ("", "fingerprint \(fingerprint(of: rotation.previous))"),
            ("new key", verifierKey(rotation.key)),
            ("", "fingerprint \(fingerprint(of: rotation.key))"),
            ("signature", signed ?? "not checked: the ledger's id is not in this file"),
        ]
    }

    private func verifierKey(_ key: Bytes32) -> String {
        let text = origin.flatMap { origin in
            try? VerifierKey(named: origin, key).description
        }
        return text ?? key.hexadecimal
    }

    private func fields(of restoration: Restoration) -> [(name: String, value: String?)] {
        let size = restoration.checkpointSize
        var signed = "\(size) entries, root \(restoration.checkpointRoot.hexadecimal)"
        var lost = "no position: entries below \(size) are others than had been signed"
        if size == 0 {
            signed = "not known: there was no checkpoint to go by"
            lost = "not known"
        } else if let positions = restoration.lostPositions(behind: entry.position) {
            lost =
                "positions \(positions.lowerBound) to \(positions.upperBound - 1), which had been "
                + "signed"
        }
        return [
            ("former ledger", formerID?.origin ?? "not known: its entry is not in this file"),
            ("new ledger", restoration.ledger.origin),
            ("signed before", signed),
            ("lost", lost),
        ]
    }

    private func amount(_ money: Money, _ auction: AuctionHandle) -> String {
        money.formatted(in: names.currency(of: auction))
    }

    private func name(_ user: UserHandle) -> String { names.id(of: user).string }

    private func words(for event: Event) -> String {
        switch event {
        case .charged(let payment):
            "\(name(payment.user)) has \(formatted(payment)) more available"
        case .withdrawn(let payment):
            "\(name(payment.user)) has \(formatted(payment)) less available"
        case .locked(let auction, let user, let money, let held):
            "\(amount(money, auction)) of \(name(user)) are locked, "
                + "\(amount(held, auction)) in all"
        case .refunded(let auction, let user, let money, let reason):
            "\(amount(money, auction)) are free again for \(name(user)): \(reason.jsonName)"
        case .settled(let auction, let winner, let seller, let money, let fee):
            "\(name(winner)) pays \(amount(money, auction)): \(name(seller)) gets all but "
                + "\(amount(fee, auction)) of fees"
        case .leadTaken(let auction, let bidder, let maximum, let price):
            "\(name(bidder)) leads with up to \(amount(maximum, auction)); the price is "
                + amount(price, auction)
        case .maximumRaised(let auction, let bidder, let maximum, let price):
            "\(name(bidder)) leads on with up to \(amount(maximum, auction)); the price is "
                + amount(price, auction)
        case .bidAbsorbed(let auction, _, let price):
            "the leader's maximum was not passed; the price is \(amount(price, auction))"
        case .boughtNow(let auction, let buyer, let price):
            "\(name(buyer)) buys at \(amount(price, auction))"
        case .auctionClosed(let auction, let outcome, let winner, let price):
            winner.map { "sold to \(name($0)) at \(amount(price, auction))" }
                ?? "closed: \(outcome.jsonName)"
        case .ledgerCreated, .engineOpened, .keyRotated, .ledgerRestored, .currencyRegistered,
            .userRegistered, .auctionOpened, .auctionExtended, .closeConfirmed, .auctionCancelled:
            otherWords(for: event)
        }
    }

    /// Events that move no money and name no price.
    private func otherWords(for event: Event) -> String {
        switch event {
        case .auctionOpened(_, _, let opensAt): "open for bids from \(opensAt.rfc3339) on"
        case .auctionExtended(_, let closesAt, let reason):
            "the end is \(closesAt.rfc3339): \(reason.jsonName)"
        case .closeConfirmed(_, let position, let outcome):
            "had been closed at position \(position): \(outcome.jsonName)"
        case .keyRotated: "another key signs checkpoints from here on"
        case .ledgerRestored: "the ledger went on from an older copy, under another name"
        case .ledgerCreated, .engineOpened, .currencyRegistered, .userRegistered, .charged,
            .withdrawn, .locked, .refunded, .settled, .leadTaken, .maximumRaised, .bidAbsorbed,
            .boughtNow, .auctionClosed, .auctionCancelled:
            event.name
        }
    }

    private func formatted(_ payment: Payment) -> String {
        payment.amount.formatted(in: names.currency(of: payment.currency))
    }
}

extension Restoration {
    /// The positions that had been signed and are not in the log.
    /// - Parameter position: where the restoration's own entry stands.
    /// - Returns: nil where none are known to be.
    package func lostPositions(behind position: UInt64) -> Range<UInt64>? {
        checkpointSize > position ? position..<checkpointSize : nil
    }
}

/// SHA-256 of a public key's 32 bytes: what people compare by telephone.
package func fingerprint(of key: Bytes32) -> String { LedgerHash(of: key.bytes).description }
