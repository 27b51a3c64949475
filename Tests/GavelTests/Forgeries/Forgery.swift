// The forgeries: each changes an outcome and nothing that was asked.

import AuctionDomain
import Testing

@testable import Gavel

/// One way to cheat.
struct Forgery: Sendable, CustomTestStringConvertible {
    let name: String
    /// The log as it is forged, and where the first false entry stands.
    let make: @Sendable (Forger) throws -> (entries: [LedgerEntry], position: Int)

    var testDescription: String { name }

    /// Changes the events of the first entry that has such an event.
    private static func changing(
        _ name: String, _ event: String, _ change: @escaping @Sendable (inout Event) -> Void
    ) -> Forgery {
        rewriting(name, event) { events in
            for index in events.indices where events[index].name == event {
                change(&events[index])
            }
        }
    }

    private static func rewriting(
        _ name: String, _ event: String, _ change: @escaping @Sendable (inout EventList) -> Void
    ) -> Forgery {
        Forgery(name: name) { forger in
            let index = try forger.place(of: event)
            return (forger.forged(index, change), index)
        }
    }

    private static func replacing(
        _ name: String, _ command: (AuctionHandle, UserHandle, Money),
        by outcome: @escaping @Sendable (Outcome) -> Outcome
    ) -> Forgery {
        Forgery(name: name) { forger in
            let (auction, bidder, amount) = command
            let bid = CanonicalCommand.placeBid(auction: auction, bidder: bidder, amount: amount)
            let index = try forger.place { $0.command == bid }
            var line = forger.lines[index]
            line.outcome = outcome(line.outcome)
            return (forger.forged(index..<index + 1, by: [line]), index)
        }
    }

    private static let lot1 = AuctionHandle(rawValue: 0)
    private static let sam = UserHandle(rawValue: 1)
    private static let alice = UserHandle(rawValue: 2)
    private static let bob = UserHandle(rawValue: 3)
    private static let carol = UserHandle(rawValue: 4)

    /// What a settlement becomes.
    private static func settlement(
        _ name: String, paid: Int64, fee: Int64, change: Int64
    ) -> Forgery {
        rewriting(name, "settled") { events in
            for index in events.indices {
                if case .settled(let auction, let winner, let seller, let amount, let old) =
                    events[index]
                {
                    events[index] = .settled(
                        auction: auction, winner: winner, seller: seller,
                        amount: Money(minorUnits: amount.minorUnits + paid),
                        fee: Money(minorUnits: old.minorUnits + fee))
                }
                if case .refunded(let auction, let user, let amount, let reason) = events[index] {
                    events[index] = .refunded(
                        auction: auction, user: user,
                        amount: Money(minorUnits: amount.minorUnits + change), reason: reason)
                }
            }
        }
    }

    static let all: [Forgery] = money + bidding + ending + outages

    // MARK: Money

    private static let money: [Forgery] = [
        settlement("the-house-takes-a-dollar-more", paid: 0, fee: 100, change: 0),
        settlement("the-winner-pays-a-cent-more", paid: 1, fee: 0, change: -1),
        settlement("the-seller-is-paid-a-cent-less", paid: -1, fee: 0, change: 1),
        rewriting("a-hold-is-left-out", "lead_taken") { $0.removeAll { $0.name == "locked" } },
        Forgery(name: "a-refund-is-left-out") { forger in
            let index = try forger.place(of: "refunded")
            return (forger.forged(index) { $0.removeAll { $0.name == "refunded" } }, index)
        },
        changing("a-refund-goes-to-another-user", "refunded") { event in
            guard case .refunded(let auction, _, let amount, let reason) = event else { return }
            event = .refunded(auction: auction, user: carol, amount: amount, reason: reason)
        },
        Forgery(name: "a-refund-has-another-reason") { forger in
            let index = try forger.place(of: "refunded") {
                if case .closeDue = $0.command { true } else { false }
            }
            let entries = forger.forged(index) { events in
                for place in events.indices {
                    guard case .refunded(let auction, let user, let amount, _) = events[place]
                    else { continue }
                    events[place] = .refunded(
                        auction: auction, user: user, amount: amount, reason: .cancelled)
                }
            }
            return (entries, index)
        },
    ]

    // MARK: Bidding

    private static let bidding: [Forgery] = [
        changing("a-wrong-price", "bid_absorbed") { event in
            guard case .bidAbsorbed(let auction, let bidder, let price) = event else { return }
            event = .bidAbsorbed(
                auction: auction, bidder: bidder, price: Money(minorUnits: price.minorUnits + 1))
        },
        replacing("a-second-leader", (lot1, bob, 300)) { _ in
            .accepted([
                .leadTaken(auction: lot1, bidder: bob, maximum: 300, price: 300),
                .refunded(auction: lot1, user: alice, amount: 540, reason: .outbid),
                .locked(auction: lot1, user: bob, amount: 300, held: 300),
            ])
        },
        replacing("a-rejection-made-an-acceptance", (lot1, bob, 105)) { _ in
            .accepted([.bidAbsorbed(auction: lot1, bidder: bob, price: 320)])
        },
        replacing("an-acceptance-made-a-rejection", (lot1, bob, 700)) { _ in
            .rejected(Rejection(.exceedsAvailable, limit: 10))
        },
        replacing("a-rejection-with-another-figure", (lot1, bob, 105)) { _ in
            .rejected(Rejection(.bidBelowMinimum, limit: 330))
        },
        replacing("a-rejection-with-another-code", (lot1, bob, 105)) { _ in
            .rejected(Rejection(.notPermitted))
        },
        Forgery(name: "two-entries-swapped") { forger in
            // The bid that was absorbed, and the one below the minimum that it made.
            let index = try forger.place(of: "bid_absorbed")
            var (first, second) = (forger.lines[index], forger.lines[index + 1])
            (first.time, second.time) = (second.time, first.time)
            return (forger.forged(index..<index + 2, by: [second, first]), index)
        },
        Forgery(name: "an-id-from-the-future") { forger in
            let index = try forger.place(of: "bid_absorbed")
            var line = forger.lines[index]
            line.id = CommandID(
                milliseconds: UInt64(line.time.nanoseconds / 1_000_000) + 300_001, randomHigh: 7,
                randomLow: 1)
            return (forger.forged(index..<index + 1, by: [line]), index)
        },
        Forgery(name: "bought-now-at-another-price") { forger in
            let index = try forger.place(of: "bought_now")
            let entries = forger.forged(index) { events in
                events = EventList(events.map { $0.priced(5000, as: 4000) })
            }
            return (entries, index)
        },
    ]

    // MARK: The end

    private static let ending: [Forgery] = [
        Forgery(name: "accepted-at-the-end") { forger in
            let index = try forger.place { $0.command == .closeDue(lot1) }
            var line = forger.lines[index + 1]
            line.outcome = .accepted([
                .leadTaken(auction: lot1, bidder: alice, maximum: 1500, price: 710),
                .refunded(auction: lot1, user: bob, amount: 700, reason: .outbid),
                .locked(auction: lot1, user: alice, amount: 1500, held: 1500),
            ])
            return (forger.forged(index..<index + 2, by: [line]), index)
        },
        Forgery(name: "closed-before-its-end") { forger in
            let index = try forger.place { $0.command == .closeDue(lot1) }
            var line = forger.lines[index]
            line.time = Forger.at(139)
            return (forger.forged(index..<index + 1, by: [line]), index)
        },
        Forgery(name: "a-due-closing-skipped") { forger in
            // Lot 3 had ended; a bid on it that comes next is refused as if it were closed.
            let lot3 = AuctionHandle(rawValue: 2)
            let index = try forger.place { $0.command == .closeDue(lot3) }
            var line = forger.lines[index + 1]
            line.command = .placeBid(auction: lot3, bidder: alice, amount: 3000)
            line.outcome = .rejected(Rejection(.auctionEnded))
            return (forger.forged(index..<index + 2, by: [line]), index)
        },
        replacing("an-extension-left-out", (lot1, bob, 700)) { outcome in
            .accepted(EventList(outcome.events.filter { $0.name != "auction_extended" }))
        },
        replacing("an-extension-added", (lot1, alice, 540)) { outcome in
            .accepted(
                outcome.events + [
                    .auctionExtended(
                        auction: lot1, closesAt: Forger.at(120), reason: .softClose)
                ])
        },
        Forgery(name: "sold-below-the-reserve") { forger in
            let index = try forger.place { $0.command == .closeDue(AuctionHandle(rawValue: 2)) }
            let lot3 = AuctionHandle(rawValue: 2)
            let entries = forger.forged(index) { events in
                events = [
                    .auctionClosed(auction: lot3, outcome: .sold, winner: carol, price: 1000),
                    .settled(auction: lot3, winner: carol, seller: sam, amount: 1000, fee: 0),
                ]
            }
            return (entries, index)
        },
        changing("another-winner-is-named", "auction_closed") { event in
            guard case .auctionClosed(let auction, let outcome, _, let price) = event else {
                return
            }
            event = .auctionClosed(auction: auction, outcome: outcome, winner: carol, price: price)
        },
    ]
}

extension Forgery {
    // MARK: Outages

    private static let outages: [Forgery] = [
        Forgery(name: "an-outage-moves-to-another-end") { forger in
            forger.withOutage { line in
                line.outcome = .accepted([
                    .auctionExtended(
                        auction: AuctionHandle(rawValue: 3), closesAt: Forger.at(276),
                        reason: .outage)
                ])
            }
        },
        Forgery(name: "an-outage-moves-nothing") { forger in
            forger.withOutage { $0.outcome = .accepted([]) }
        },
        Forgery(name: "an-outage-by-another-actor") { forger in
            forger.withOutage { line in
                line.actor = .operator
                line.id = CommandID(
                    milliseconds: UInt64(line.time.nanoseconds / 1_000_000), randomHigh: 7,
                    randomLow: 99)
            }
        },
        Forgery(name: "an-outage-not-longer-than-the-rules-let-pass") { forger in
            forger.withOutage(since: 198, until: 203)
        },
        Forgery(name: "an-outage-that-began-at-the-end") { forger in
            forger.withOutage(since: 200, until: 215)
        },
        Forgery(name: "an-outage-before-the-end") { forger in
            forger.withOutage(since: 185, until: 199)
        },
        Forgery(name: "an-outage-that-is-not-over") { forger in
            forger.withOutage(since: 195, until: 216, at: 215)
        },
        Forgery(name: "an-outage-where-the-rules-move-no-end") { forger in
            let lot3 = AuctionHandle(rawValue: 2)
            let index = try forger.place { $0.command == .closeDue(lot3) }
            var line = forger.lines[index]
            line.time = Forger.at(155)
            line.command = .extendOutage(
                auction: lot3, since: Forger.at(146), until: Forger.at(155))
            line.outcome = .accepted([
                .auctionExtended(auction: lot3, closesAt: Forger.at(175), reason: .outage)
            ])
            return (forger.forged(index..<index + 1, by: [line]), index)
        },
    ]
}

extension Event {
    /// The event with one amount in the place of another.
    fileprivate func priced(_ old: Money, as new: Money) -> Event {
        func swapped(_ amount: Money) -> Money { amount == old ? new : amount }
        return switch self {
        case .boughtNow(let auction, let buyer, let price):
            .boughtNow(auction: auction, buyer: buyer, price: swapped(price))
        case .locked(let auction, let user, let amount, let held):
            .locked(
                auction: auction, user: user, amount: swapped(amount), held: swapped(held))
        case .auctionClosed(let auction, let outcome, let winner, let price):
            .auctionClosed(
                auction: auction, outcome: outcome, winner: winner, price: swapped(price))
        case .settled(let auction, let winner, let seller, let amount, let fee):
            .settled(
                auction: auction, winner: winner, seller: seller, amount: swapped(amount),
                fee: fee)
        default: self
        }
    }
}
