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
    private var slots: HashSlots

    init() { slots = HashSlots() }

    /// Takes up pairs that were stored, each once, in the order in which they were noted.
    /// - Parameter takeHead: sets a bidder's newest node and gives the one before.
    /// - Complexity: O(pairs), without a look at any node.
    init(
        _ pairs: [(UserHandle, AuctionHandle)], takeHead: (UserHandle, UInt32) -> UInt32
    ) {
        slots = HashSlots(minimumCapacity: pairs.count)
        for (number, (user, auction)) in pairs.enumerated() {
            let next = takeHead(user, UInt32(number))
            nodes.append(Node(user: user, auction: auction, next: next))
            slots.insert(Self.hash(user, auction), number)
        }
    }

    /// Takes note of a bid.
    /// - Parameter head: the bidder's newest node; becomes the new one.
    /// - Complexity: O(1) expected.
    @inline(__always)
    mutating func note(_ user: UserHandle, on auction: AuctionHandle, head: inout UInt32) {
        let hash = Self.hash(user, auction)
        let known = slots.first(hash) { number in
            let node = nodes[number]
            return node.user == user && node.auction == auction
        }
        guard known == nil else { return }
        let number = UInt32(nodes.count)
        nodes.append(Node(user: user, auction: auction, next: head))
        slots.insert(hash, Int(number))
        head = number
    }

    /// Whether a user ever bid on an auction.
    /// - Complexity: O(1) expected.
    func contains(_ user: UserHandle, on auction: AuctionHandle) -> Bool {
        node(of: user, on: auction) != nil
    }

    /// A user's place on an auction; nil where she never bid on it.
    /// - Complexity: O(1) expected.
    func node(of user: UserHandle, on auction: AuctionHandle) -> Node? {
        slots.first(Self.hash(user, auction)) { number in
            let node = nodes[number]
            return node.user == user && node.auction == auction
        }.map { nodes[$0] }
    }

    /// Touches the place where a bid will be noted.
    @inline(__always)
    func warmth(_ user: UserHandle, _ auction: AuctionHandle) -> UInt64 {
        slots.warmth(Self.hash(user, auction))
    }

    /// Handles are dense and given by the ledger, so no caller can craft collisions.
    @inline(__always)
    private static func hash(_ user: UserHandle, _ auction: AuctionHandle) -> UInt64 {
        var x = UInt64(auction.rawValue) << 32 | UInt64(user.rawValue)
        x = (x ^ (x >> 31)) &* 0x9E37_79B9_7F4A_7C15
        return (x ^ (x >> 29)) >> 32
    }
}
