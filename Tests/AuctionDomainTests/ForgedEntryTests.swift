// Entries that these rules never wrote: `State.check` must name them, for `evolve` traps on them.
//
// Each forgery is tried in a process of its own, so that a trap is a failed test and not the end
// of all of them.

import AuctionDomain
import Testing

@Suite("Forged entries")
struct ForgedEntryTests {
    /// The ledger they are put after: alice leads `lot` at 10 with all she has, 100 locked.
    static func ledger() -> TestLedger {
        var ledger = TestLedger.prepared(wallets: [("alice", 100), ("bob", 50)])
        ledger.open("lot", rules: .proxy(opening: 10))
        ledger.open("ended", closesAt: TestLedger.start + 1)
        ledger.bid("alice", 100)
        ledger.closeDue(at: TestLedger.start + 1)
        return ledger
    }

    private static let nobody = UserHandle(rawValue: 99)
    private static let nothing = AuctionHandle(rawValue: 99)
    private static let lot = AuctionHandle(rawValue: 0)
    private static let ended = AuctionHandle(rawValue: 1)
    // The house is 0.
    private static let seller = UserHandle(rawValue: 1)
    private static let alice = UserHandle(rawValue: 2)
    private static let bob = UserHandle(rawValue: 3)
    private static let dollar = CurrencyHandle(rawValue: 0)
    private static let noCurrency = CurrencyHandle(rawValue: 99)

    private static func payment(
        _ user: UserHandle, _ currency: CurrencyHandle, _ amount: Money
    ) -> Payment {
        Payment(user: user, currency: currency, amount: amount, reference: "forged")
    }

    private static func opening(
        seller: UserHandle = seller, currency: CurrencyHandle = dollar,
        rules: AuctionRules = AuctionRules()
    ) -> Event {
        .auctionOpened(
            AuctionHandle(rawValue: 2),
            CanonicalOpening(
                auction: "forged", title: "", seller: seller, currency: currency, opensAt: nil,
                closesAt: nil, rules: rules), opensAt: TestLedger.start)
    }

    static let forgeries: [Event] = strangers + amounts + repetitions

    /// Handles that were never given.
    private static let strangers: [Event] = [
        .locked(auction: nothing, user: bob, amount: 1, held: 1),
        .locked(auction: lot, user: nobody, amount: 1, held: 1),
        .refunded(auction: nothing, user: alice, amount: 1, reason: .outbid),
        .refunded(auction: lot, user: nobody, amount: 1, reason: .outbid),
        .settled(auction: nothing, winner: alice, seller: seller, amount: 1, fee: 0),
        .settled(auction: lot, winner: nobody, seller: seller, amount: 1, fee: 0),
        .settled(auction: lot, winner: alice, seller: nobody, amount: 1, fee: 0),
        .leadTaken(auction: nothing, bidder: bob, maximum: 1, price: 1),
        .leadTaken(auction: lot, bidder: nobody, maximum: 1, price: 1),
        .leadTaken(auction: lot, bidder: .none, maximum: 1, price: 1),
        .maximumRaised(auction: nothing, bidder: bob, maximum: 1, price: 1),
        .bidAbsorbed(auction: nothing, bidder: bob, price: 1),
        .boughtNow(auction: nothing, buyer: bob, price: 1),
        .boughtNow(auction: lot, buyer: nobody, price: 1),
        .auctionExtended(auction: nothing, closesAt: .max, reason: .operator),
        .auctionClosed(auction: nothing, outcome: .noBids, winner: nil, price: 0),
        .auctionCancelled(auction: nothing),
        .charged(payment(nobody, dollar, 1)),
        .charged(payment(alice, noCurrency, 1)),
        .withdrawn(payment(nobody, dollar, 1)),
        .withdrawn(payment(alice, noCurrency, 1)),
        opening(seller: nobody),
        opening(currency: noCurrency),
    ]

    /// Money that is not there.
    private static let amounts: [Event] = [
        .locked(auction: lot, user: bob, amount: 51, held: 51),
        .locked(auction: lot, user: bob, amount: -1, held: 0),
        .refunded(auction: lot, user: alice, amount: 101, reason: .outbid),
        .refunded(auction: lot, user: bob, amount: 1, reason: .outbid),
        .refunded(auction: ended, user: alice, amount: 1, reason: .outbid),
        .settled(auction: lot, winner: alice, seller: seller, amount: 101, fee: 0),
        .settled(auction: lot, winner: alice, seller: seller, amount: 100, fee: 101),
        .settled(auction: lot, winner: alice, seller: seller, amount: 100, fee: -1),
        .charged(payment(alice, dollar, 0)),
        .charged(payment(alice, dollar, .max)),
        .withdrawn(payment(bob, dollar, 51)),
        .withdrawn(payment(alice, dollar, 1)),
    ]

    /// What happens only once, or not in this order, or by rules that no opening may have.
    private static let repetitions: [Event] = [
        .ledgerCreated(LedgerID(high: 3, low: 4)),
        .engineOpened(epoch: 1),
        .keyRotated(KeyRotation(key: .zero, previous: .zero, signature: (.zero, .zero))),
        .ledgerRestored(
            Restoration(
                ledger: LedgerID(high: 1, low: 2), checkpointSize: 9, checkpointRoot: .zero)),
        .userRegistered(alice, "alice"),
        .userRegistered(UserHandle(rawValue: 9), "dave"),
        .currencyRegistered(CurrencyHandle(rawValue: 1), Currency(code: "USD", scale: 2)),
        .auctionExtended(auction: lot, closesAt: TestLedger.start, reason: .operator),
        .auctionExtended(auction: ended, closesAt: .max, reason: .operator),
        .auctionExtended(auction: lot, closesAt: .max, reason: .softClose),
        .auctionExtended(auction: lot, closesAt: .max, reason: .firstBid),
        .auctionExtended(auction: lot, closesAt: .noEnd, reason: .operator),
        .auctionExtended(auction: lot, closesAt: TestLedger.start, reason: .outage),
        .auctionExtended(auction: ended, closesAt: .max, reason: .outage),
        .auctionExtended(auction: lot, closesAt: TestLedger.start + 60, reason: .operator),
        .boughtNow(auction: ended, buyer: bob, price: 1),
        .auctionClosed(auction: ended, outcome: .noBids, winner: nil, price: 0),
        .auctionCancelled(auction: ended),
        .leadTaken(auction: ended, bidder: bob, maximum: 1, price: 1),
        opening(rules: AuctionRules(increments: Increments.table([]))),
        opening(rules: AuctionRules(openingPrice: 2, reservePrice: 1)),
        opening(rules: AuctionRules(fees: Fees(buyer: Fee(fixed: .max)))),
        opening(
            rules: AuctionRules(
                softClose: SoftClose(windowMilliseconds: 1, extensionMilliseconds: 1))),
    ]

    @Test("an impossible event is named, and traps nowhere", arguments: forgeries.indices)
    func impossibleEvents(index: Int) async {
        await #expect(
            processExitsWith: .success, "\(Self.forgeries[index])",
            performing: { [index] in
                let state = ForgedEntryTests.ledger().state
                #expect(throws: ImpossibleEntry.self) {
                    try state.check(ForgedEntryTests.forgeries[index])
                }
            })
    }

    @Test("an impossible command is named as well")
    func impossibleCommands() {
        let state = Self.ledger().state
        let point = EntryPoint(position: state.entryCount, time: state.time)
        let commands: [CanonicalCommand] = [
            .createLedger(LedgerID(high: 3, low: 4)),
            .placeBid(auction: Self.nothing, bidder: Self.bob, amount: 1),
            .placeBid(auction: Self.lot, bidder: Self.nobody, amount: 1),
            .charge(Self.payment(Self.alice, Self.noCurrency, 1)),
            .closeDue(Self.nothing),
            .extendOutage(auction: Self.nothing, since: .zero, until: .max),
            .extendOutage(
                auction: Self.lot, since: Timestamp(nanoseconds: .min), until: .zero),
            .extendOutage(auction: Self.lot, since: .zero, until: .noEnd),
        ]
        for command in commands {
            #expect(throws: ImpossibleEntry.self) {
                try state.check(command, by: .operator, at: point)
            }
        }
        let good = CanonicalCommand.closeDue(Self.lot)
        #expect(throws: Never.self) { try state.check(good, by: .system, at: point) }
        #expect(throws: ImpossibleEntry.self) {
            try state.check(good, by: .user(Self.nobody), at: point)
        }
        let gap = EntryPoint(position: state.entryCount + 1, time: state.time)
        let past = EntryPoint(position: state.entryCount, time: state.time.justBefore)
        for point in [gap, past] {
            #expect(throws: ImpossibleEntry.self) {
                try state.check(good, by: .system, at: point)
            }
        }
    }
}
