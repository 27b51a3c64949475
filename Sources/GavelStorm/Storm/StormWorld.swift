// The ledger a storm falls on: its wallets and auctions, and how what was drawn becomes a command.
//
// Invariants: ids of one world never repeat unless a bid is to be repeated; names have at most 15
// bytes, which Swift keeps inside the value, so a submission allocates nothing.

import Gavel
import GavelProgram

/// Names and ids.
struct StormNames: Sendable {
    let users: [UserID]
    /// The first so many auctions; later ones are named when they are asked for.
    private let auctions: [AuctionID]
    private let ended: [AuctionID]
    /// Auctions of several passes in one ledger differ by this.
    private let prefix: String

    init(_ cast: StormCast, prefix: String) {
        users = (0..<(cast.users + cast.poor)).map { UserID(unchecked: "b\($0)") }
        auctions = (0..<cast.auctions).map { AuctionID(unchecked: "\(prefix)\($0)") }
        ended = (0..<cast.ended).map { AuctionID(unchecked: "over\($0)") }
        self.prefix = prefix
    }

    private init(users: [UserID], auctions: [AuctionID], ended: [AuctionID], prefix: String) {
        self.users = users
        self.auctions = auctions
        self.ended = ended
        self.prefix = prefix
    }

    /// The same people with other auctions.
    func withAuctions(_ count: Int, prefix: String) -> StormNames {
        StormNames(
            users: users, auctions: (0..<count).map { AuctionID(unchecked: "\(prefix)\($0)") },
            ended: ended, prefix: prefix)
    }

    @inline(__always)
    func auction(_ number: UInt32) -> AuctionID {
        if number < UInt32(auctions.count) { return auctions[Int(number)] }
        if number >= StormCast.endedBase { return ended[Int(number - StormCast.endedBase)] }
        return AuctionID(unchecked: "\(prefix)\(number)")
    }

    var allAuctions: [AuctionID] { auctions }
    var endedAuctions: [AuctionID] { ended }
}

/// Makes ids of UUID version 7: the clock's millisecond and a counter, mixed so that neighbours
/// differ in all bits. Nothing random, and no two alike within 2⁶² of them.
struct StormIDs: Sendable {
    private var count: UInt64 = 0

    @inline(__always)
    mutating func next(at milliseconds: UInt64) -> CommandID {
        count += 1
        return CommandID(
            milliseconds: milliseconds, randomHigh: 0,
            randomLow: count &* 0x9E37_79B9_7F4A_7C15)
    }
}

/// Turns what was drawn into submissions, and remembers bids so that they can be sent again.
struct SubmissionMaker: Sendable {
    private static let recentMax = 4_096

    private struct Sent {
        let id: CommandID
        let auction: UInt32
        let bidder: UInt32
        let amount: Int64
    }

    let names: StormNames
    private var ids: StormIDs
    private var recent: [Sent] = []
    private var place = 0
    private var mixing: UInt64 = 0
    /// How the auctions are opened that a plan opens on its way.
    var opening: (@Sendable (PlannedBid) -> OpenAuction)?

    init(_ names: StormNames, ids: StormIDs) {
        self.names = names
        self.ids = ids
        recent.reserveCapacity(Self.recentMax)
    }

    /// The ids used so far, for whoever goes on with the same ledger.
    var idsUsed: StormIDs { ids }

    /// A submission, and what it really is: there is nothing to repeat before the first bid.
    @inline(__always)
    mutating func submission(
        _ planned: PlannedBid, at milliseconds: UInt64
    ) -> (Submission, BidKind) {
        switch planned.kind {
        case .bid, .low:
            let id = ids.next(at: milliseconds)
            remember(
                Sent(
                    id: id, auction: planned.auction, bidder: planned.bidder, amount: planned.amount
                ))
            return (bid(planned, id), planned.kind)
        case .short, .late, .stale:
            return (bid(planned, ids.next(at: milliseconds)), planned.kind)
        default: return special(planned, at: milliseconds)
        }
    }

    @inline(__always)
    private func bid(_ planned: PlannedBid, _ id: CommandID) -> Submission {
        Submission(
            id: id,
            command: .placeBid(
                auction: names.auction(planned.auction),
                bidder: names.users[Int(planned.bidder)],
                amount: Money(minorUnits: planned.amount)))
    }

    @inline(__always)
    private mutating func remember(_ sent: Sent) {
        if recent.count < Self.recentMax {
            recent.append(sent)
        } else {
            recent[place] = sent
            place = (place + 1) & (Self.recentMax - 1)
        }
    }

    @inline(never)
    private mutating func special(
        _ planned: PlannedBid, at milliseconds: UInt64
    ) -> (Submission, BidKind) {
        let auction = names.auction(planned.auction)
        switch planned.kind {
        case .duplicate, .conflict:
            return again(planned, at: milliseconds)
        case .close:
            return (own(.closeAuction(auction), milliseconds), .close)
        case .hammer:
            return (own(.closeAuction(auction, hammer: true), milliseconds), .hammer)
        case .open:
            guard let opening else { preconditionFailure("the plan opens nothing") }
            return (own(.openAuction(opening(planned)), milliseconds), .open)
        case .bid, .low, .short, .late, .stale, .readAuction, .readWallet:
            preconditionFailure("\(planned.kind) is not special")
        }
    }

    private mutating func own(_ command: Command, _ milliseconds: UInt64) -> Submission {
        Submission(id: ids.next(at: milliseconds), command: command)
    }

    private mutating func again(
        _ planned: PlannedBid, at milliseconds: UInt64
    ) -> (Submission, BidKind) {
        guard !recent.isEmpty else {
            // Nothing to repeat yet: a bid that is a little too low is rejected, or taken.
            var bid = planned
            bid.kind = .short
            bid.amount = .max / 4
            return (self.bid(bid, ids.next(at: milliseconds)), .short)
        }
        mixing &+= 0x9E37_79B9_7F4A_7C15
        let sent = recent[Int((mixing >> 32) % UInt64(recent.count))]
        let repeated = PlannedBid(
            amount: sent.amount + (planned.kind == .conflict ? 1 : 0), auction: sent.auction,
            bidder: sent.bidder, kind: planned.kind)
        return (bid(repeated, sent.id), planned.kind)
    }
}

/// A ledger made for a storm.
struct StormWorld {
    let ledger: Ledger
    /// The folder the ledger is in.
    let path: String
    let cast: StormCast
    private(set) var ids = StormIDs()
    let clock = SystemClock()
    /// How long one command of the preparation took, in nanoseconds, to guess the next ones.
    private(set) var nanosecondsPerCommand: Int64 = 10_000

    static let currency = CurrencyCode(unchecked: "USD")
    static let seller = UserID(unchecked: "seller")

    init(
        at path: String, cast: StormCast, beside: Bool, shortcuts: Shortcuts = .all
    ) throws {
        var configuration = Configuration()
        configuration.shortcuts = shortcuts
        // Written this often, snapshots are always under way beside a storm.
        if beside { configuration.snapshotIntervalEntries = 100_000 }
        ledger = try Ledger.openAndWait(at: path, configuration: configuration)
        self.path = path
        self.cast = cast
    }

    var milliseconds: UInt64 { UInt64(clock.now().nanoseconds / 1_000_000) }

    /// Goes on with the ids after another user of this ledger.
    mutating func goOn(after ids: StormIDs) { self.ids = ids }

    /// Makes wallets and the auctions that have ended.
    /// - Parameter balance: what the user with a number has to spend, in minor units.
    mutating func prepare(_ names: StormNames, balance: (Int) -> Int64) throws {
        var commands: [Command] = [
            .registerCurrency(Currency(code: Self.currency, scale: 2)),
            .registerUser(Self.seller),
        ]
        commands.reserveCapacity(names.users.count * 2 + 64)
        for (number, user) in names.users.enumerated() {
            commands.append(.registerUser(user))
            let amount = number < cast.users ? balance(number) : 1
            commands.append(
                .charge(
                    user: user, currency: Self.currency, amount: Money(minorUnits: amount),
                    reference: "storm"))
        }
        commands += names.endedAuctions.map {
            .openAuction(Self.opening($0))
        }
        commands += names.endedAuctions.map { .closeAuction($0, hammer: true) }
        try submit(commands)
    }

    /// Opens auctions.
    mutating func open(
        _ names: StormNames, _ opening: (Int, AuctionID) -> OpenAuction
    ) throws {
        try submit(names.allAuctions.enumerated().map { .openAuction(opening($0, $1)) })
    }

    /// The opening of one auction.
    static func opening(
        _ auction: AuctionID, rules: AuctionRules = AuctionRules(), closesAt: Timestamp? = nil
    ) -> OpenAuction {
        OpenAuction(
            auction: auction, seller: seller, currency: currency, closesAt: closesAt, rules: rules)
    }

    /// Hands commands over in batches and expects every one to be accepted.
    mutating func submit(_ commands: [Command]) throws {
        let started = clock.uptimeNanoseconds()
        var progress = Progress("preparing")
        defer { progress.clear() }
        var tickets: [BatchTicket] = []
        var done = 0
        while done < commands.count {
            let now = milliseconds
            let part = commands[done..<min(done + 4_000, commands.count)]
            tickets.append(
                try ledger.enqueue(part.map { Submission(id: ids.next(at: now), command: $0) }))
            done += part.count
            if tickets.count > 4 { try Self.expectAccepted(tickets.removeFirst()) }
            progress.show(UInt64(done), of: UInt64(commands.count))
        }
        for ticket in tickets { try Self.expectAccepted(ticket) }
        if commands.count >= 100 {
            let elapsed = clock.uptimeNanoseconds() - started
            nanosecondsPerCommand = max(500, elapsed / Int64(commands.count))
        }
    }

    static func expectAccepted(_ ticket: BatchTicket) throws {
        for receipt in try ticket.wait() where receipt.status != .accepted {
            throw Failure(.finding, "a command of the preparation was not accepted: \(receipt)")
        }
    }
}
