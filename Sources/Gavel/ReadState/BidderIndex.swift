// Who has bid where: for "auctions by bidder". About 30 bytes a bidder on an auction.
//
// Invariant: a pair of auction and bidder stands in the set and on the bidder's list once, or on
// neither.

internal import AuctionDomain

/// The auctions each user ever bid on, accepted or not, newest first.
struct BidderIndex: Sendable {
    struct Node: Sendable {
        let user: UserHandle
        let auction: AuctionHandle
        /// The same bidder's node before this one, or `none`.
        let next: UInt32
    }
    static let none = UInt32.max

    private(set) var nodes = ChunkedArray<Node>()
    /// Node number + 1, by open addressing on the pair; 0 is free.
    private var slots: ContiguousArray<UInt32> = ContiguousArray(repeating: 0, count: 64)

    /// Takes note of a bid.
    /// - Parameter head: the bidder's newest node; becomes the new one.
    /// - Complexity: O(1) expected.
    mutating func note(_ user: UserHandle, on auction: AuctionHandle, head: inout UInt32) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: Self.hash(user, auction)) & mask
        while slots[slot] != 0 {
            let node = nodes[Int(slots[slot] - 1)]
            if node.user == user && node.auction == auction { return }
            slot = (slot + 1) & mask
        }
        let number = UInt32(nodes.count)
        nodes.append(Node(user: user, auction: auction, next: head))
        slots[slot] = number + 1
        head = number
        if (nodes.count + 1) * 4 > slots.count * 3 { grow() }
    }

    /// Touches the place where a bid will be noted.
    @inline(__always)
    func warmth(_ user: UserHandle, _ auction: AuctionHandle) -> UInt64 {
        let slot = slots[Int(truncatingIfNeeded: Self.hash(user, auction)) & (slots.count - 1)]
        return slot == 0 ? 0 : UInt64(nodes[Int(slot - 1)].next)
    }

    /// Takes up pairs that were stored, each once, in the order in which they were noted.
    /// - Parameter takeHead: sets a bidder's newest node and gives the one before.
    /// - Complexity: O(pairs), without a look at any node.
    init(
        _ pairs: [(UserHandle, AuctionHandle)], takeHead: (UserHandle, UInt32) -> UInt32
    ) {
        for (number, (user, auction)) in pairs.enumerated() {
            let next = takeHead(user, UInt32(number))
            nodes.append(Node(user: user, auction: auction, next: next))
        }
        var size = 64
        while size * 3 < (pairs.count + 1) * 4 { size *= 2 }
        rebuild(slotCount: size)
    }

    init() {}

    private mutating func grow() {
        rebuild(slotCount: slots.count * 2)
    }

    private mutating func rebuild(slotCount: Int) {
        slots = ContiguousArray(repeating: 0, count: slotCount)
        let mask = slots.count - 1
        for number in nodes.indices {
            let node = nodes[number]
            var slot = Int(truncatingIfNeeded: Self.hash(node.user, node.auction)) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(number) + 1
        }
    }

    @inline(__always)
    /// Handles are dense and given by the ledger, so no caller can craft collisions.
    private static func hash(_ user: UserHandle, _ auction: AuctionHandle) -> UInt64 {
        var x = UInt64(auction.rawValue) << 32 | UInt64(user.rawValue)
        x = (x ^ (x >> 31)) &* 0x9E37_79B9_7F4A_7C15
        return x ^ (x >> 32)
    }
}
