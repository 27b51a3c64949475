// Decoding the chunks of a snapshot into a read state and a window of command ids.
//
// Invariant: decoding is total. Chunks come here after their hash was compared, and even so no
// number out of them is used as an index before it was compared with what is there: the worst that
// any bytes can do is to throw.

internal import AuctionDomain
internal import Platform

/// Builds a read state and a window of command ids from chunks.
struct SnapshotLoader {
    private let header: SnapshotHeader
    private var state = State()
    private var titles = ChunkedArray<String>()
    private var changed: [UInt64] = []
    private var bids: [(UserHandle, AuctionHandle)] = []
    /// The ids taken up, under no limits of its own.
    private(set) var ids: CommandIDWindow

    /// - Parameter horizon: of the frame that the snapshot ends with: no id lies before it.
    init(_ header: SnapshotHeader, horizon: CommandHorizon) {
        self.header = header
        ids = .unlimited(from: horizon)
    }

    /// Takes up a chunk of the state. Whatever a record points to stands in a chunk before it, or
    /// `finish` looks for it.
    /// - Throws: `LogFault` where the bytes are no chunk.
    mutating func load(_ bytes: RawSpan) throws(LogFault) {
        let section = try Self.section(of: bytes)
        var reader = ByteReader("a snapshot chunk", from: 5, to: bytes.byteCount)
        for _ in 0..<bytes.load(UInt32.self, at: 1) {
            switch section {
            case .general:
                state.time = Timestamp(nanoseconds: try reader.integer(Int64.self, bytes))
                state.epoch = try reader.integer(UInt32.self, bytes)
                let (key, former) = (try reader.bytes32(bytes), try reader.bytes32(bytes))
                state.signingKey = key == .zero ? nil : key
                state.formerKey = former == .zero ? nil : former
            case .currencies: try loadCurrency(&reader, bytes)
            case .users: try loadUser(&reader, bytes)
            case .accounts: try loadAccount(&reader, bytes)
            case .terms: try loadTerms(&reader, bytes)
            case .extras: try loadExtras(&reader, bytes)
            case .auctions: try loadAuction(&reader, bytes)
            case .holds: try loadHold(&reader, bytes)
            case .references: state.references.insert(try reader.shortText(bytes))
            case .bids:
                bids.append((try user(&reader, bytes), try auction(&reader, bytes)))
            case .ids: throw LogFault("a snapshot chunk of ids stands among those of the state")
            }
        }
        try Self.checkEnd(reader)
    }

    /// Takes up a chunk of command ids.
    /// - Throws: `LogFault` where the bytes are no such chunk.
    mutating func loadIDs(_ bytes: RawSpan) throws(LogFault) {
        guard try Self.section(of: bytes) == .ids else {
            throw LogFault("a snapshot chunk of the state stands among those of ids")
        }
        var reader = ByteReader("a snapshot chunk", from: 5, to: bytes.byteCount)
        for _ in 0..<bytes.load(UInt32.self, at: 1) { try loadRun(&reader, bytes) }
        try Self.checkEnd(reader)
    }

    private static func section(of bytes: RawSpan) throws(LogFault) -> SnapshotSection {
        guard bytes.byteCount >= 5,
            let section = SnapshotSection(rawValue: bytes.load(UInt8.self, at: 0))
        else { throw LogFault("a snapshot chunk is of an unknown section") }
        return section
    }

    private static func checkEnd(_ reader: ByteReader) throws(LogFault) {
        guard reader.offset == reader.end else {
            throw LogFault("a snapshot chunk has bytes left over")
        }
    }

    /// The read state, once every chunk was taken up.
    /// - Throws: `LogFault` where a record points to none.
    mutating func finish() throws(LogFault) -> ReadState {
        try checkAccounts()
        try checkSharedHolds()
        state.ledgerID = header.ledgerID
        state.entryCount = header.entryCount
        state.digest = header.digest
        return ReadState(state: state, titles: titles, changed: changed, bids: bids)
    }

    /// Checks that each user's accounts are a list that ends: every further account is pointed to
    /// by one record at most, so no list can lead back into itself.
    private func checkAccounts() throws(LogFault) {
        var isListed = [Bool](repeating: false, count: state.furtherAccounts.count)
        for index in state.wallets.indices { try list(state.wallets[index].next, &isListed) }
        for index in state.furtherAccounts.indices {
            try list(state.furtherAccounts[index].next, &isListed)
        }
    }

    /// Checks that the holds on each auction with several are two or more, and add up.
    private func checkSharedHolds() throws(LogFault) {
        for index in state.auctions.indices where state.auctions[index].holder == .several {
            let holds = state.holds(on: AuctionHandle(rawValue: UInt32(index)))
            let sum = holds.reduce(Int64(0)) { $0 &+ $1.amount.minorUnits }
            guard holds.count > 1, sum == state.auctions[index].held.minorUnits else {
                throw LogFault("a snapshot's auction has other holds than it says")
            }
        }
    }

    private func list(_ next: UInt32, _ isListed: inout [Bool]) throws(LogFault) {
        if next == State.noAccount { return }
        guard next < isListed.count, !isListed[Int(next)] else {
            throw LogFault("a snapshot's wallets have an account that is none, or two users'")
        }
        isListed[Int(next)] = true
    }

    // MARK: What records point to

    /// The number of a record, or a number that stands for none.
    private func number<Number: FixedWidthInteger>(
        of what: StaticString, in count: Int, orNone none: Number? = nil,
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) -> Number {
        let number = try reader.integer(Number.self, bytes)
        guard number < count || number == none else {
            throw LogFault("a snapshot names \(what) \(number) of \(count)")
        }
        return number
    }

    private func user(
        orNone none: UserHandle? = nil, _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) -> UserHandle {
        UserHandle(
            rawValue: try number(
                of: "user", in: state.userCount, orNone: none?.rawValue, &reader, bytes))
    }

    private func auction(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) -> AuctionHandle {
        AuctionHandle(rawValue: try number(of: "auction", in: state.auctionCount, &reader, bytes))
    }

    private func currency(
        orNone none: CurrencyHandle? = nil, _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) -> CurrencyHandle {
        CurrencyHandle(
            rawValue: try number(
                of: "currency", in: state.currencyCount, orNone: none?.rawValue, &reader, bytes))
    }

    /// A position of the log, or `noPosition`.
    private func position(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) -> UInt64 {
        let position = try reader.integer(UInt64.self, bytes)
        guard position < header.entryCount || position == noPosition else {
            throw LogFault(
                "a snapshot of \(header.entryCount) entries names position \(position)")
        }
        return position
    }

    /// A number of entries of some kind: never more than there are.
    private func entries<Number: FixedWidthInteger>(
        _ type: Number.Type, _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) -> Number {
        let number = try reader.integer(type, bytes)
        guard number <= header.entryCount else {
            throw LogFault("a snapshot of \(header.entryCount) entries counts \(number)")
        }
        return number
    }

    /// Who has the hold on an auction: a user, nobody or several.
    private func holder(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) -> UserHandle {
        let number = try reader.integer(UInt32.self, bytes)
        let holder = UserHandle(rawValue: number)
        guard holder.index < state.userCount || holder == .none || holder == .several else {
            throw LogFault("a snapshot names user \(number) of \(state.userCount)")
        }
        return holder
    }

    // MARK: Records

    private mutating func loadRun(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        let period = try reader.integer(UInt64.self, bytes)
        let first = try reader.integer(UInt64.self, bytes)
        let count = try reader.integer(UInt32.self, bytes)
        guard CommandIDWindow.periods(from: ids.horizon).contains(period) else {
            throw LogFault("a snapshot has ids of a time that none of them can have")
        }
        guard count <= CommandIDWindow.Run.countMax, first < header.entryCount else {
            throw LogFault("a snapshot has \(count) ids in a row, from position \(first) on")
        }
        var slots: [UInt64] = []
        slots.reserveCapacity(Int(count))
        for _ in 0..<count {
            let slot = try reader.integer(UInt64.self, bytes)
            let offset = slot & 0xFFFF_FFFF
            guard offset > 0, offset <= header.entryCount - first else {
                throw LogFault(
                    "a snapshot of \(header.entryCount) entries has an id that stands in none")
            }
            slots.append(slot)
        }
        let run = CommandIDWindow.Run(period: period, firstPosition: first, slots: slots[...])
        guard ids.restore(run) else {
            throw LogFault("a snapshot's ids are not in the order of their times")
        }
    }

    private mutating func loadCurrency(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        let scale = try reader.integer(UInt8.self, bytes)
        let code = CurrencyCode(unchecked: try reader.shortText(bytes))
        state.currencies.append(
            CurrencyRecord(
                currency: Currency(code: code, scale: scale), charged: try reader.money(bytes),
                withdrawn: try reader.money(bytes)))
    }

    private mutating func loadUser(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        state.userNames.insert(try reader.shortText(bytes))
        var wallet = WalletRecord()
        wallet.lastPosition = try position(&reader, bytes)
        wallet.currency = try currency(orNone: CurrencyHandle.none, &reader, bytes)
        wallet.next = try reader.integer(UInt32.self, bytes)
        wallet.available = try reader.money(bytes)
        wallet.locked = try reader.money(bytes)
        state.wallets.append(wallet)
        if wallet.currency != .none { state.walletAccountCount += 1 }
    }

    private mutating func loadAccount(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        state.furtherAccounts.append(
            AccountRecord(
                available: try reader.money(bytes), locked: try reader.money(bytes),
                user: try user(&reader, bytes), next: try reader.integer(UInt32.self, bytes),
                currency: try currency(&reader, bytes)))
    }

    private mutating func loadTerms(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        let terms = try reader.rules(bytes).terms
        state.termsIndex[terms] = UInt32(state.terms.count)
        state.terms.append(terms)
    }

    private mutating func loadExtras(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        state.extras.append(
            AuctionExtras(
                reservePrice: try reader.money(bytes), buyNowPrice: try reader.money(bytes),
                latestEnd: try reader.time(bytes),
                extensions: try entries(UInt32.self, &reader, bytes)))
    }

    private mutating func loadHold(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        let auction = try auction(&reader, bytes)
        let (user, amount) = (try user(&reader, bytes), try reader.money(bytes))
        let isNew = (state.sharedHolds[auction] ?? HoldList())[user] == .zero
        guard state[auction].holder == .several, isNew, amount != .zero else {
            throw LogFault("a snapshot has a hold that its auction does not have")
        }
        state.sharedHolds[auction, default: HoldList()][user] = amount
    }

    private mutating func loadAuction(
        _ reader: inout ByteReader, _ bytes: RawSpan
    ) throws(LogFault) {
        state.auctionNames.insert(try reader.shortText(bytes))
        titles.append(try reader.longText(atMost: Limits.titleBytesMax, bytes))
        let record = AuctionRecord(
            openingPrice: try reader.money(bytes), price: try reader.money(bytes),
            maximum: try reader.money(bytes), held: try reader.money(bytes),
            opensAt: Timestamp(nanoseconds: try reader.integer(Int64.self, bytes)),
            closesAt: Timestamp(nanoseconds: try reader.integer(Int64.self, bytes)),
            openedPosition: try position(&reader, bytes),
            closedPosition: try position(&reader, bytes),
            lastPosition: try position(&reader, bytes),
            acceptedBids: try entries(UInt64.self, &reader, bytes),
            rejectedBids: try entries(UInt64.self, &reader, bytes),
            seller: try user(&reader, bytes),
            leader: try user(orNone: UserHandle.none, &reader, bytes),
            holder: try holder(&reader, bytes),
            termsIndex: try number(of: "terms", in: state.terms.count, &reader, bytes),
            extrasIndex: try number(
                of: "extras", in: state.extras.count, orNone: State.noExtras, &reader, bytes),
            currency: try currency(&reader, bytes), phase: try reader.enumeration(bytes),
            outcome: AuctionOutcome(rawValue: try reader.integer(UInt8.self, bytes)))
        guard record.holder == .several || (record.held == .zero) == (record.holder == .none)
        else {
            throw LogFault("a snapshot's auction holds money of nobody")
        }
        state.append(record)
        let change = try position(&reader, bytes)
        guard change != noPosition else {
            throw LogFault("a snapshot's auction was never opened")
        }
        changed.append(change)
    }
}

extension State {
    /// Takes up an auction, and its deadline when it is open.
    fileprivate mutating func append(_ record: AuctionRecord) {
        let handle = AuctionHandle(rawValue: UInt32(auctions.count))
        auctions.append(record)
        restoreDeadline(of: handle)
    }
}
