// Who has how much locked for which auction.
//
// Most auctions have one hold, or none: it stands in the auction's own record, so that a bid
// allocates nothing and looks nowhere else. Where several users have holds, all of them stand in
// `sharedHolds`.
//
// Invariants: a hold of nothing is no hold; an auction's `held` is the sum of its holds; it stands
// in `sharedHolds` exactly if its holder is `UserHandle.several`, and has two holds or more there.

/// Money that a user has locked for an auction.
public struct Hold: Hashable, Sendable {
    public let user: UserHandle
    public package(set) var amount: Money

    package init(user: UserHandle, amount: Money) {
        self.user = user
        self.amount = amount
    }

    /// What a hold adds to its field in the digest: nothing where it is none.
    @inline(__always)
    static func fingerprint(_ user: UserHandle, _ amount: Money) -> UInt64 {
        UInt64(bitPattern: amount.minorUnits) &* (2 &* UInt64(user.rawValue) &+ 1)
    }
}

/// The holds on one auction, in order of users.
package struct HoldList: Hashable, Sendable {
    package private(set) var holds: ContiguousArray<Hold> = []

    package init() {}

    /// A user's hold, or nothing.
    /// - Complexity: O(log n).
    package subscript(user: UserHandle) -> Money {
        get {
            let place = place(of: user)
            return has(user, at: place) ? holds[place].amount : .zero
        }
        set {
            let place = place(of: user)
            switch (has(user, at: place), newValue == .zero) {
            case (true, true): holds.remove(at: place)
            case (true, false): holds[place].amount = newValue
            case (false, false): holds.insert(Hold(user: user, amount: newValue), at: place)
            case (false, true): break
            }
        }
    }

    private func has(_ user: UserHandle, at place: Int) -> Bool {
        place < holds.count && holds[place].user == user
    }

    /// Where a user's hold stands or would stand.
    private func place(of user: UserHandle) -> Int {
        var range = 0..<holds.count
        while !range.isEmpty {
            let middle = (range.lowerBound + range.upperBound) / 2
            range =
                holds[middle].user < user
                ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }
}

extension State {
    /// What a user has locked for an auction; zero where that is nothing.
    /// - Complexity: O(1), or O(log n) where n users have holds on it.
    @inline(__always)
    public func hold(of user: UserHandle, on auction: AuctionHandle) -> Money {
        let record = auctions[auction.index]
        if record.holder == user { return record.held }
        return record.holder == .several ? sharedHold(of: user, on: auction) : .zero
    }

    /// All holds on an auction, in order of users.
    /// - Complexity: O(holds).
    public func holds(on auction: AuctionHandle) -> [Hold] {
        var holds: [Hold] = []
        forEachHold(on: auction) { holds.append($0) }
        return holds
    }

    /// Visits all holds on an auction, in order of users.
    /// - Complexity: O(holds); allocates nothing.
    @inline(__always)
    package func forEachHold(on auction: AuctionHandle, _ body: (Hold) -> Void) {
        let record = auctions[auction.index]
        if record.holder == .several {
            sharedHolds[auction]?.holds.forEach(body)
        } else if record.holder != .none {
            body(Hold(user: record.holder, amount: record.held))
        }
    }

    private func sharedHold(of user: UserHandle, on auction: AuctionHandle) -> Money {
        sharedHolds[auction]?[user] ?? .zero
    }

    /// Sets what a user has locked for an auction. Sums wrap: what is recorded may be anything, and
    /// `checkConsistency` says what does not fit.
    mutating func setHold(of user: UserHandle, on auction: AuctionHandle, to amount: Money) {
        let record = auctions[auction.index]
        let old = hold(of: user, on: auction)
        let sum = record.held.minorUnits &- old.minorUnits &+ amount.minorUnits
        auctions[auction.index].held = Money(minorUnits: sum)
        digest.add(
            .auction, auction.index, field: Field.held,
            Hold.fingerprint(user, amount) &- Hold.fingerprint(user, old))
        if record.holder == .several {
            changeShared(auction) { $0[user] = amount }
        } else if record.holder == user || record.holder == .none {
            auctions[auction.index].holder = amount == .zero ? .none : user
        } else if amount != .zero {
            changeShared(auction) { list in
                list[record.holder] = record.held
                list[user] = amount
            }
        }
    }

    private mutating func changeShared(_ auction: AuctionHandle, _ body: (inout HoldList) -> Void) {
        body(&sharedHolds[auction, default: HoldList()])
        let holds = sharedHolds[auction]?.holds ?? []
        guard holds.count < 2 else {
            auctions[auction.index].holder = .several
            return
        }
        sharedHolds[auction] = nil
        auctions[auction.index].holder = holds.first?.user ?? .none
    }
}
