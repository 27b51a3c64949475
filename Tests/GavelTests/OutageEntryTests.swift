// The bytes of outages: the reason `outage` stands in entries of one kind, and the rule's flags say
// what is there.

import AuctionDomain
import Platform
import Testing

@testable import Gavel

@Suite("Outages in bytes")
struct OutageEntryTests {
    private static let lot = AuctionHandle(rawValue: 0)
    private static let bidder = UserHandle(rawValue: 2)
    private static let point = EntryPoint(position: 9, time: Timestamp(seconds: 1_000))
    private static let extendOutage = CanonicalCommand.extendOutage(
        auction: lot, since: Timestamp(seconds: 900), until: Timestamp(seconds: 1_000))

    private func refusal(_ bytes: [UInt8], flattensBids: Bool = true) -> LogFault? {
        var decoded = DecodedEntry()
        do {
            try withBytes(of: bytes) {
                try decoded.decode($0, in: 0..<$0.byteCount, flattensBids: flattensBids)
            }
            return nil
        } catch { return error as? LogFault }
    }

    private func entry(_ command: CanonicalCommand, _ events: EventList) -> [UInt8] {
        var buffer = ByteBuffer(capacity: 1024)
        buffer.appendEntry(
            command, id: .none, actor: .system, at: Self.point, rejection: nil, events: events,
            links: [EntryLink(chain: .auction(Self.lot), previous: 3)], salt: 1)
        return buffer.array()
    }

    @Test(
        "An end is moved for the reason outage by an extend_outage and by nothing else",
        arguments: ExtensionReason.allCases)
    func reason(_ reason: ExtensionReason) {
        let events: EventList = [
            .auctionExtended(auction: Self.lot, closesAt: .max, reason: reason)
        ]
        #expect((refusal(entry(Self.extendOutage, events)) == nil) == (reason == .outage))
        for command: CanonicalCommand in [
            .extendAuction(Self.lot, closesAt: .max), .closeDue(Self.lot),
            .buyNow(auction: Self.lot, buyer: Self.bidder),
        ] {
            #expect((refusal(entry(command, events)) == nil) == (reason != .outage))
        }
        // An accepted bid has a decoder of its own.
        var bid = AcceptedBid(
            auction: Self.lot, bidder: Self.bidder, maximum: 5, kind: .leadTaken, price: 5,
            refunded: .none, refund: 0, locked: 5, held: 5)
        bid.closesAt = .max
        bid.extensionReason = reason
        var buffer = ByteBuffer(capacity: 1024)
        buffer.appendEntry(
            bid, id: CommandID(high: 1, low: 2), actor: .operator, at: Self.point,
            links: BidLinks(auction: 3, bidder: 4, refunded: nil, currency: .none), salt: nil)
        for flattensBids in [true, false] {
            let found = refusal(buffer.array(), flattensBids: flattensBids)
            #expect((found == nil) == (reason != .outage))
        }
    }

    @Test("An outage's rule comes back as it was written, and no move stands without a length")
    func rules() throws {
        for rule in [
            nil, OutageRule(), OutageRule(longerThanMilliseconds: 7),
            OutageRule(longerThanMilliseconds: 1, moveMilliseconds: 2),
        ] as [OutageRule?] {
            let rules = AuctionRules(outage: rule)
            let opening = CanonicalCommand.openAuction(
                CanonicalOpening(
                    auction: "lot", title: "", seller: Self.bidder,
                    currency: CurrencyHandle(rawValue: 0), opensAt: nil, closesAt: nil,
                    rules: rules))
            var bytes = entry(opening, [])
            var decoded = DecodedEntry()
            try withBytes(of: bytes) { try decoded.decode($0, in: 0..<$0.byteCount) }
            #expect(decoded.command == opening)
            // The flags: header 40, id 4, title 2, seller 4, currency 2, present 1, format 1.
            let flags = 54
            #expect(bytes[flags] == 0)
            let expected: UInt8 = rule == nil ? 0 : rule?.moveMilliseconds == nil ? 0x20 : 0x60
            #expect(bytes[flags + 1] == expected)
            bytes[flags + 1] = 0x40
            #expect(refusal(bytes) != nil)
        }
    }
}
