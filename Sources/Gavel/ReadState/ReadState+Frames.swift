// Applying the entries of a frame, stored or in memory.
//
// Invariant: warming changes nothing and judges nothing; it reads with bounds, since the bytes may
// be anything.

internal import AuctionDomain
internal import Platform

extension ReadState {
    /// So many entries are warmed ahead: their misses overlap, and what they touch stays in the
    /// fastest cache until it is used.
    private static let warmedEntries = 32
    /// With fewer wallets everything lies in the cache anyhow.
    private static let warmedWalletsMin = 1 << 14

    /// Applies entries in order.
    /// - Parameters:
    ///   - entry: reused, so that nothing is allocated.
    ///   - range: where an entry lies.
    ///   - begin: told which entry comes next, before it is decoded.
    ///   - isWanted: whether to go on with an entry that was decoded, which is not applied yet;
    ///     false ends it. It changes nothing in what is folded.
    ///   - check: what to look at after an entry was applied.
    /// - Returns: false when an entry was not wanted.
    /// - Throws: `LogFault` from decoding and applying; what the closures throw.
    @inline(__always)
    mutating func apply(
        _ count: Int, in bytes: RawSpan, using entry: inout DecodedEntry,
        shortcuts: Shortcuts = .all,
        range: (Int) throws(LogFault) -> Range<Int>,
        begin: (Int) -> Void = { _ in },
        isWanted: (inout ReadState, DecodedEntry) throws -> Bool = { _, _ in true },
        check: (inout ReadState, DecodedEntry) throws -> Void = { _, _ in }
    ) throws -> Bool {
        var warmedCount = shortcuts.contains(.lookAhead) ? 0 : count
        let flattensBids = shortcuts.contains(.flatBids)
        for index in 0..<count {
            if index == warmedCount, state.userCount >= Self.warmedWalletsMin {
                warmedCount = min(count, index + Self.warmedEntries)
                var names = NewNames()
                for next in index..<warmedCount {
                    // What is wrong with it is said when it is its turn.
                    if let range = try? range(next) { warm(bytes, in: range, &names) }
                }
                warmth &+= state.touch(users: names.users, references: names.references)
            }
            begin(index)
            let place = try range(index)
            do throws(LogFault) {
                try entry.decode(bytes, in: place, flattensBids: flattensBids)
            } catch {
                throw LogFault(
                    "entry \(entryCount): \(error.reason)", isNewerFormat: error.isNewerFormat)
            }
            guard try isWanted(&self, entry) else { return false }
            try apply(entry)
            try check(&self, entry)
        }
        return true
    }

    /// Names that entries are about to register.
    private struct NewNames {
        var users = NameHashes()
        var references = NameHashes()
    }

    /// Looks at what an entry is about to change. A million wallets fit no cache: without this the
    /// fold waits for memory ten times a bid, one wait after the other (decision 0013).
    @inline(__always)
    private mutating func warm(_ bytes: RawSpan, in range: Range<Int>, _ names: inout NewNames) {
        guard range.count > EntryLayout.headerBytes, range.upperBound <= bytes.byteCount
        else { return }
        switch bytes.load(UInt8.self, at: range.lowerBound) {
        case EntryKind.placeBid.rawValue: warmBid(bytes, in: range)
        case EntryKind.registerUser.rawValue: warmRegistration(bytes, in: range, &names)
        case EntryKind.charge.rawValue: warmCharge(bytes, in: range, &names)
        default: break
        }
    }

    @inline(__always)
    private mutating func warmBid(_ bytes: RawSpan, in range: Range<Int>) {
        let start = range.lowerBound
        guard range.count >= BidLayout.bytesMin else { return }
        let auction = AuctionHandle(
            rawValue: bytes.load(UInt32.self, at: start + BidLayout.auction))
        let bidder = UserHandle(rawValue: bytes.load(UInt32.self, at: start + BidLayout.bidder))
        warm(bidder)
        if auction.index < state.auctionCount {
            warmth &+= state.auctions[auction.index].lastPosition
            warmth &+= UInt64(auctionLists[auction.index].hold.next)
            warmth &+= bidders.warmth(bidder, auction)
        }
        let refunded = BidLayout.firstEvent + BidLayout.priceEventBytes
        if range.count >= refunded + BidLayout.refundedBytes,
            bytes.load(UInt8.self, at: start + refunded) == EventTag.refunded.rawValue
        {
            warm(UserHandle(rawValue: bytes.load(UInt32.self, at: start + refunded + 1)))
        }
    }

    private func warmRegistration(
        _ bytes: RawSpan, in range: Range<Int>, _ names: inout NewNames
    ) {
        var key = NameKey()
        let name = range.dropFirst(EntryLayout.headerBytes)
        guard key.append(shortText: bytes, in: name) else { return }
        state.add(user: key, to: &names.users)
    }

    private mutating func warmCharge(
        _ bytes: RawSpan, in range: Range<Int>, _ names: inout NewNames
    ) {
        let start = range.lowerBound
        guard range.count > PaymentLayout.reference else { return }
        let user = UserHandle(rawValue: bytes.load(UInt32.self, at: start + PaymentLayout.user))
        warm(user)
        var key = State.chargeKey(user)
        let reference = range.dropFirst(PaymentLayout.reference)
        guard key.append(shortText: bytes, in: reference) else { return }
        state.add(reference: key, to: &names.references)
    }

    @inline(__always)
    private mutating func warm(_ user: UserHandle) {
        guard user.index < state.userCount else { return }
        warmth &+= state.wallets[user.index].lastPosition
        warmth &+= UInt64(userLists[user.index].holding)
    }
}

extension NameKey {
    /// Appends a short text as entries hold it: its length and its bytes.
    /// - Returns: false where it is cut short or too long for a key.
    fileprivate mutating func append(shortText bytes: RawSpan, in range: Range<Int>) -> Bool {
        guard let first = range.first else { return false }
        let text = first + 1..<first + 1 + Int(bytes.load(UInt8.self, at: first))
        guard text.upperBound <= range.upperBound else { return false }
        for index in text where !append(bytes.load(UInt8.self, at: index)) { return false }
        return true
    }
}
