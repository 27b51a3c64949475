// Links: each entry names the previous entry about its auction and about each wallet it touches,
// so histories are walked in the log itself, without an index.
//
// Invariant: what an entry touches, and in which order, follows from its command and outcome
// alone, by the table in `Effects`: the auction the command names, then the user the command speaks
// for, then, in the order of the events, the auction that was opened and every user registered or
// whose money moved, each once. The first entry of a chain links to no position.

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
    /// - Parameter links: becomes the entry's links; its room is used again.
    public mutating func finishEntry(
        _ command: CanonicalCommand, rejected: Bool, events: EventList, at point: EntryPoint,
        links: inout ContiguousArray<EntryLink>
    ) {
        begin(point)
        links.removeAll(keepingCapacity: true)
        var chains = ConcernedChains()
        // Swapped, so that the room of `links` is used and nothing is allocated.
        swap(&chains.links, &links)
        chains.visit(command, events)
        swap(&chains.links, &links)
        for index in links.indices {
            links[index] = link(links[index].chain, point.position)
        }
        if rejected, case .placeBid(let auction, _, _) = command {
            auctions[auction.index].rejectedBids += 1
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

    private mutating func link(_ chain: EntryLink.Chain, _ position: UInt64) -> EntryLink {
        let previous: UInt64
        switch chain {
        case .auction(let auction):
            previous = auctions[auction.index].lastPosition
            auctions[auction.index].lastPosition = position
        case .wallet(let user):
            previous = wallets[user.index].lastPosition
            wallets[user.index].lastPosition = position
        }
        return EntryLink(chain: chain, storedPrevious: previous)
    }
}

extension CanonicalCommand {
    /// The chains an entry belongs to, in the order of its links.
    public func chains(events: EventList) -> [EntryLink.Chain] {
        var chains = ConcernedChains()
        chains.visit(self, events)
        return chains.links.map(\.chain)
    }
}

/// The chains that an entry belongs to, each once, as links whose previous entries are not known
/// yet.
private struct ConcernedChains: EffectVisitor {
    var links = ContiguousArray<EntryLink>()

    mutating func concerns(_ chain: EntryLink.Chain) {
        if links.contains(where: { $0.chain == chain }) { return }
        links.append(EntryLink(chain: chain, storedPrevious: noPosition))
    }
}
