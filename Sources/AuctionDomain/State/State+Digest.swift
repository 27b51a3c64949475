// What of a state is in its digest, and the digest computed from the records alone.

extension State {
    /// The fields of each record in the digest; numbers as in `StateDigest.add`.
    enum Field {
        // user, reference
        static let name: UInt64 = 0
        // account
        static let available: UInt64 = 0
        static let locked: UInt64 = 1
        static let owner: UInt64 = 2
        // currency
        static let charged: UInt64 = 1
        static let withdrawn: UInt64 = 2
        // auction
        static let opening: UInt64 = 0
        static let price: UInt64 = 1
        static let leader: UInt64 = 2
        static let maximum: UInt64 = 3
        static let held: UInt64 = 4
        static let bids: UInt64 = 5
        static let end: UInt64 = 6
        static let phase: UInt64 = 7
        static let extensions: UInt64 = 8
    }
}

// MARK: - Names and openings

extension State {
    /// What the digest calls an account.
    @inline(__always)
    static func number(of user: UserHandle, _ currency: CurrencyHandle) -> Int {
        user.index << 16 | currency.index
    }

    static func openingFingerprint(
        _ opening: CanonicalOpening, opensAt: Timestamp
    ) -> UInt64 {
        var hash = StateDigest.of(opening.auction.string)
        func mix(_ value: Int64) {
            hash = (hash ^ UInt64(bitPattern: value)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
        }
        mix(Int64(opening.seller.rawValue))
        mix(Int64(opening.currency.rawValue))
        mix(opensAt.nanoseconds)
        mix(opening.rules.openingPrice.minorUnits)
        let rules = opening.rules
        mix(Int64(rules.format.rawValue))
        mix(rules.proxy ? 1 : 0)
        switch rules.increments {
        case .table(let rows):
            for row in rows {
                mix(row.from.minorUnits)
                mix(row.step.minorUnits)
            }
        case .basisPoints(let share): mix(Int64(-share))
        }
        // What many auctions do not have is mixed in only where it is there.
        func mix(_ tag: Int64, _ values: Int64...) {
            mix(tag)
            for value in values { mix(value) }
        }
        if let reserve = rules.reservePrice { mix(1, reserve.minorUnits) }
        if let offer = rules.buyNow {
            mix(2, offer.price.minorUnits, Int64(offer.until.rawValue))
        }
        if let softClose = rules.softClose {
            mix(
                3, softClose.windowMilliseconds, softClose.extensionMilliseconds,
                Int64(softClose.mode.rawValue), Int64(softClose.trigger.rawValue),
                softClose.maxExtensions.map { Int64($0) } ?? -1,
                softClose.latestEnd?.nanoseconds ?? -1)
        }
        if let duration = rules.durationFromFirstBidMilliseconds { mix(4, duration) }
        for (tag, fee) in [(Int64(5), rules.fees.seller), (6, rules.fees.buyer)]
        where fee != .none {
            mix(
                tag, Int64(fee.basisPoints), fee.fixed.minorUnits, fee.minimum.minorUnits,
                fee.maximum?.minorUnits ?? -1)
        }
        if rules.cancelPolicy == .operatorOnly { mix(7) }
        if let outage = rules.outage {
            mix(8, outage.longerThanMilliseconds, outage.moveMilliseconds ?? -1)
        }
        return hash
    }
}

// MARK: - From nothing

extension State {
    /// The digest computed from the records alone, to check the incremental one against.
    /// - Complexity: O(size of the state).
    public func recomputedDigest() -> StateDigest {
        var digest = StateDigest()
        for user in wallets.indices {
            digest.add(.user, user, field: Field.name, StateDigest.of(userNames.name(user)))
            for account in accounts(of: UserHandle(rawValue: UInt32(user))) {
                Self.add(account, to: &digest)
            }
        }
        for (index, record) in currencies.enumerated() {
            digest.add(
                .currency, index, field: Field.name,
                StateDigest.of(record.currency.code.string) &+ UInt64(record.currency.scale))
            digest.add(
                .currency, index, field: Field.charged, from: 0, to: record.charged.minorUnits)
            digest.add(
                .currency, index, field: Field.withdrawn, from: 0,
                to: record.withdrawn.minorUnits)
        }
        for number in 0..<references.count {
            digest.add(
                .reference, number, field: Field.name, StateDigest.of(references.name(number)))
        }
        for index in auctions.indices { addAuction(index, to: &digest) }
        return digest
    }

    private static func add(_ account: AccountRecord, to digest: inout StateDigest) {
        var delta = StateDigest.Delta()
        delta.add(
            field: Field.owner,
            UInt64(account.user.rawValue) << 16 | UInt64(account.currency.rawValue) + 1)
        delta.add(field: Field.available, from: 0, to: account.available.minorUnits)
        delta.add(field: Field.locked, from: 0, to: account.locked.minorUnits)
        digest.add(.account, number(of: account.user, account.currency), delta)
    }

    private func addAuction(_ index: Int, to digest: inout StateDigest) {
        let record = auctions[index]
        let handle = AuctionHandle(rawValue: UInt32(index))
        let opening = CanonicalOpening(
            auction: id(of: handle), title: "", seller: record.seller,
            currency: record.currency, opensAt: nil, closesAt: nil, rules: rules(of: handle))
        digest.add(
            .auction, index, field: Field.opening,
            Self.openingFingerprint(opening, opensAt: record.opensAt))
        let fields: [(UInt64, Int64)] = [
            (Field.price, record.price.minorUnits),
            (Field.leader, Int64(record.leader.rawValue &+ 1)),
            (Field.maximum, record.maximum.minorUnits),
            (Field.bids, Int64(record.acceptedBids)),
            (Field.end, record.closesAt.nanoseconds),
            (Field.extensions, Int64(extensions(of: handle))),
        ]
        for (field, value) in fields {
            digest.add(.auction, index, field: field, from: 0, to: value)
        }
        forEachHold(on: handle) { hold in
            digest.add(
                .auction, index, field: Field.held, Hold.fingerprint(hold.user, hold.amount))
        }
        if record.phase != .open {
            digest.add(
                .auction, index, field: Field.phase,
                UInt64(record.phase.rawValue) << 8 | UInt64(record.outcome?.rawValue ?? 0))
        }
    }
}
