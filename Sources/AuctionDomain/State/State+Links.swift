// Links: each entry names the previous entry about its auction and about each wallet it touches,
// so histories are walked in the log itself, without an index.
//
// Invariant: what an entry touches, and in which order, follows from its command and outcome
// alone: the auction the command names, then the user the command speaks for, then, in the order
// of the events, the auction that was opened and every user registered or whose money moved, each
// once. The first entry of a chain links to no position.

/// One link of an entry.
public struct EntryLink: Hashable, Sendable {
    /// Whose chain it is.
    public enum Chain: Hashable, Sendable {
        case auction(AuctionHandle)
        case wallet(UserHandle)
    }
    public let chain: Chain
    /// The position of the chain's previous entry, or `noPosition`: an optional would make every
    /// link half as large again.
    package let storedPrevious: UInt64

    /// The position of the chain's previous entry; nil for the first one.
    public var previous: UInt64? { storedPrevious == noPosition ? nil : storedPrevious }

    public init(chain: Chain, previous: UInt64?) {
        self.init(chain: chain, storedPrevious: previous ?? noPosition)
    }

    package init(chain: Chain, storedPrevious: UInt64) {
        self.chain = chain
        self.storedPrevious = storedPrevious
    }
}

extension State {
    /// Marks an entry as the last of all chains it belongs to, counts a rejected bid, and takes
    /// note of position and time. Called once an entry, after its events were evolved.
    /// - Parameter previous: receives the entry's links.
    public mutating func finishEntry(
        _ command: CanonicalCommand, rejected: Bool, events: EventList, at point: EntryPoint,
        links: inout ContiguousArray<EntryLink>
    ) {
        begin(point)
        if let auction = command.auction {
            link(auction, point.position, into: &links)
            if rejected, case .placeBid = command { auctions[auction.index].rejectedBids += 1 }
        }
        if let user = command.user { link(user, point.position, into: &links) }
        for event in events {
            switch event {
            case .refunded(_, let user, _, _): link(user, point.position, into: &links)
            case .settled(_, let winner, let seller, _, let fee):
                link(winner, point.position, into: &links)
                link(seller, point.position, into: &links)
                if fee > .zero { link(.house, point.position, into: &links) }
            case .auctionOpened(let auction, _, _):
                link(auction, point.position, into: &links)
            case .userRegistered(let user, _): link(user, point.position, into: &links)
            default: break
            }
        }
    }

    /// Takes note of an entry's position and time.
    @inline(__always)
    mutating func begin(_ point: EntryPoint) {
        precondition(point.position == entryCount, "positions are dense")
        precondition(point.time >= time, "times never fall")
        entryCount = point.position + 1
        time = point.time
    }

    @inline(__always)
    private mutating func link(
        _ auction: AuctionHandle, _ position: UInt64, into links: inout ContiguousArray<EntryLink>
    ) {
        let previous = auctions[auction.index].lastPosition
        auctions[auction.index].lastPosition = position
        links.append(EntryLink(chain: .auction(auction), storedPrevious: previous))
    }

    /// A user touched twice by one entry is linked once: her last position is the entry's own.
    @inline(__always)
    private mutating func link(
        _ user: UserHandle, _ position: UInt64, into links: inout ContiguousArray<EntryLink>
    ) {
        let previous = wallets[user.index].lastPosition
        if previous == position { return }
        wallets[user.index].lastPosition = position
        links.append(EntryLink(chain: .wallet(user), storedPrevious: previous))
    }
}

extension CanonicalCommand {
    /// The chains an entry belongs to, in the order of its links.
    public func chains(events: EventList) -> [EntryLink.Chain] {
        var chains: [EntryLink.Chain] = []
        func add(_ chain: EntryLink.Chain) {
            if !chains.contains(chain) { chains.append(chain) }
        }
        if let auction { add(.auction(auction)) }
        if let user { add(.wallet(user)) }
        for event in events {
            switch event {
            case .refunded(_, let user, _, _): add(.wallet(user))
            case .settled(_, let winner, let seller, _, let fee):
                add(.wallet(winner))
                add(.wallet(seller))
                if fee > .zero { add(.wallet(.house)) }
            case .auctionOpened(let auction, _, _): add(.auction(auction))
            case .userRegistered(let user, _): add(.wallet(user))
            default: break
            }
        }
        return chains
    }
}
