// The rules once more, in the plainest words: a model to hold the real ledger against.
//
// Limits and invariants: it shares no code with `State.resolve`, `decide` and `evolve`, only the
// values that go in and come out; it keeps names where the real one keeps handles and lists where
// that one keeps indices; every sum is taken in 128 bits, so nothing here can overflow. It never
// forgets a command id, so it has no `command_id_expired`, and it knows no capacity. It is meant
// to be read beside the rules and found right by looking; speed is no aim.

public import AuctionDomain

/// What the model says about a command.
public enum ModelOutcome: Hashable, Sendable {
    /// It took effect, or confirmed a close.
    case accepted
    /// A rule said no; the command id is used up.
    case rejected(Rejection)
    /// It was not taken; the command id stays free.
    case refused(Refusal)
    /// The command id was used before with the same content; this was its first outcome.
    indirect case replayed(ModelOutcome)
}

/// A ledger of auctions kept in dictionaries and lists.
public struct NaiveModel: Sendable {
    /// A user's money in one currency.
    public struct Balance: Hashable, Sendable {
        public var available: Money = 0
        public var locked: Money = 0
        public init() {}
    }

    /// What came into and went out of the house in one currency.
    public struct Totals: Hashable, Sendable {
        public var scale: UInt8
        public var charged: Money = 0
        public var withdrawn: Money = 0
    }

    /// Money a user has locked for an auction.
    public struct Hold: Hashable, Sendable {
        public var auction: AuctionID
        public var user: UserID
        public var amount: Money
    }

    /// Where an auction stands in its life.
    public enum Phase: Hashable, Sendable { case open, closed, cancelled }

    /// An auction.
    public struct Auction: Hashable, Sendable {
        public var id: AuctionID
        public var seller: UserID
        public var currency: CurrencyCode
        public var rules: AuctionRules
        public var opensAt: Timestamp
        /// Nil where only hammer or cancellation end it.
        public var closesAt: Timestamp?
        public var phase = Phase.open
        /// Only once closed.
        public var outcome: AuctionOutcome?
        /// Leads now, or won.
        public var leader: UserID?
        /// Zero before the first accepted bid, as the two below.
        public var price: Money = 0
        public var maximum: Money = 0
        /// How often bids have moved the end.
        public var extensions = 0
        public var acceptedBids = 0
        public var rejectedBids = 0
    }

    /// A reference is used once per kind of payment and user.
    struct UsedReference: Hashable, Sendable {
        let isCharge: Bool
        let user: UserID
        let reference: PaymentReference
    }

    /// A command id that has an entry.
    struct UsedID: Sendable {
        let actor: Actor
        let command: Command
        let outcome: ModelOutcome
    }

    /// How far a command id's time may lie ahead.
    static let idAheadMax: Int128 = 5 * 60 * 1_000_000_000

    /// The latest time seen; time never falls.
    public private(set) var now = Timestamp.zero
    /// Every user, and a balance for each currency she ever moved.
    public private(set) var wallets: [UserID: [CurrencyCode: Balance]] = [.house: [:]]
    public private(set) var currencies: [CurrencyCode: Totals] = [:]
    public private(set) var auctions: [AuctionID: Auction] = [:]
    /// All auctions in order of opening.
    public private(set) var opened: [AuctionID] = []
    /// Those in the phase `open`, scheduled ones included, in order of opening.
    public private(set) var open: [AuctionID] = []
    /// Closed and cancelled ones, in the order in which they ended.
    public private(set) var finished: [AuctionID] = []
    public private(set) var holds: [Hold] = []
    private(set) var references: Set<UsedReference> = []
    private(set) var usedIDs: [CommandID: UsedID] = [:]
    /// Auctions whose end fell into an outage and was not moved: only the operator ends the wait.
    public private(set) var held: Set<AuctionID> = []

    /// A ledger just created: no user but the house.
    public init() {}
}

// MARK: - Reading

extension NaiveModel {
    /// An auction by name.
    public func auction(_ id: AuctionID) -> Auction? { auctions[id] }

    /// A user's money in a currency; nothing where she never moved any.
    public func wallet(_ user: UserID, _ currency: CurrencyCode) -> Balance {
        wallets[user]?[currency] ?? Balance()
    }

    /// What a user has locked for an auction.
    public func held(by user: UserID, for auction: AuctionID) -> Money {
        holds.first { $0.user == user && $0.auction == auction }?.amount ?? 0
    }

    /// The least a challenger must bid, in a width that always fits.
    public func minimumBid(on auction: Auction) -> Int128 {
        if auction.leader == nil { return Int128(auction.rules.openingPrice.minorUnits) }
        return Int128(auction.price.minorUnits) + step(of: auction, at: auction.price)
    }

    /// The last row that starts at or below the price; or the share of the price, where a part
    /// of a unit counts as a whole one, and one unit where that is nothing.
    private func step(of auction: Auction, at price: Money) -> Int128 {
        switch auction.rules.increments {
        case .table(let rows):
            return Int128(rows.last { $0.from <= price }!.step.minorUnits)
        case .basisPoints(let share):
            let parts = Int128(price.minorUnits) * Int128(share)
            return max(1, parts / 10_000 + (parts % 10_000 == 0 ? 0 : 1))
        }
    }

    /// A side's fee on a hammer price.
    private func fee(_ fee: Fee, on price: Int128) -> Int128 {
        var amount = price * Int128(fee.basisPoints) / 10_000 + Int128(fee.fixed.minorUnits)
        if amount < Int128(fee.minimum.minorUnits) { amount = Int128(fee.minimum.minorUnits) }
        if let maximum = fee.maximum, amount > Int128(maximum.minorUnits) {
            amount = Int128(maximum.minorUnits)
        }
        return amount
    }

    /// What a winner pays at a hammer price, or what a bid must hold.
    func paid(at price: Money, in auction: Auction) -> Int128 {
        Int128(price.minorUnits) + fee(auction.rules.fees.buyer, on: Int128(price.minorUnits))
    }

    /// The price at which an auction can be bought, if there is such an offer and nothing has
    /// ended it.
    public func buyNowPrice(of auction: Auction) -> Money? {
        guard let offer = auction.rules.buyNow else { return nil }
        if auction.leader == nil { return offer.price }
        if offer.until == .firstBid { return nil }
        if offer.until == .reserveMet && auction.maximum >= auction.rules.reservePrice! {
            return nil
        }
        return auction.price < offer.price ? offer.price : nil
    }
}

// MARK: - Commands

extension NaiveModel {
    /// Closes what is due, then judges a command and, if nothing speaks against it, does it.
    public mutating func submit(_ step: WorkloadStep) -> ModelOutcome {
        submit(step.command, id: step.id, by: step.actor, at: step.time)
    }

    /// Closes what is due, then judges a command and, if nothing speaks against it, does it.
    public mutating func submit(
        _ command: Command, id: CommandID, by actor: Actor, at time: Timestamp
    ) -> ModelOutcome {
        closeDue(at: time)
        if (try? command.validate()) == nil { return .refused(.malformed) }
        if !id.isVersion7 { return .refused(.commandIDMalformed) }
        if Int128(id.milliseconds) * 1_000_000 > Int128(now.nanoseconds) + Self.idAheadMax {
            return .refused(.commandIDInFuture)
        }
        if let first = usedIDs[id] {
            let isSame = first.actor == actor && first.command == command
            return isSame ? .replayed(first.outcome) : .refused(.commandIDReused)
        }
        if let refusal = missingName(in: command, by: actor) { return .refused(refusal) }
        switch command {
        case .placeBid(let auction, _, _), .buyNow(let auction, _), .closeAuction(let auction, _):
            if held.contains(auction) { return .refused(.closingHeld) }
        case .registerCurrency, .registerUser, .charge, .withdraw, .openAuction, .extendAuction,
            .cancelAuction:
            break
        }

        let outcome: ModelOutcome
        if let rejection = perform(command, by: actor) {
            outcome = .rejected(rejection)
            if case .placeBid(let auction, _, _) = command {
                auctions[auction]!.rejectedBids += 1
            }
        } else {
            outcome = .accepted
        }
        usedIDs[id] = UsedID(actor: actor, command: command, outcome: outcome)
        return outcome
    }

    /// Lets time pass: closes every auction whose end has come, by end, then by opening.
    public mutating func closeDue(at time: Timestamp) {
        now = max(now, time)
        while true {
            var next: Auction?
            for id in open where !held.contains(id) {
                let auction = auctions[id]!
                guard let end = auction.closesAt, end <= now else { continue }
                if next == nil || end < next!.closesAt! { next = auction }
            }
            guard let next else { return }
            close(next.id)
        }
    }

    /// The house was out of reach after `since` and is there again at `until`: what ended meanwhile
    /// is not closed. Where the outage was longer than its rules let pass, the end is moved, if
    /// they say by how much, and else waits for the operator.
    public mutating func endOutage(since: Timestamp, until: Timestamp) {
        now = max(now, until)
        let lasted = Int128(until.nanoseconds) - Int128(since.nanoseconds)
        for id in open {
            guard let end = auctions[id]!.closesAt, end > since, end <= until else { continue }
            let rule = auctions[id]!.rules.outage
            if lasted <= Int128(rule?.longerThanMilliseconds ?? 5_000) * 1_000_000 { continue }
            if let move = rule?.moveMilliseconds {
                auctions[id]!.closesAt = time(
                    Int128(until.nanoseconds) + Int128(move) * 1_000_000)
            } else {
                held.insert(id)
            }
        }
    }

    /// Judges a command that is in a log, and does it: what was due and what was refused before it
    /// the log says itself.
    public mutating func judge(
        _ command: Command, by actor: Actor, at time: Timestamp
    ) -> ModelOutcome {
        now = max(now, time)
        guard let rejection = perform(command, by: actor) else { return .accepted }
        if case .placeBid(let auction, _, _) = command { auctions[auction]!.rejectedBids += 1 }
        return .rejected(rejection)
    }

    /// Closes one auction, as a log says.
    /// - Returns: false where it is not open, or its end has not come.
    public mutating func closeOne(_ id: AuctionID, at time: Timestamp) -> Bool {
        now = max(now, time)
        guard let auction = auctions[id], auction.phase == .open, let end = auction.closesAt,
            end <= now
        else { return false }
        held.remove(id)
        close(id)
        return true
    }

    /// Moves one auction's end for an outage, as a log says.
    /// - Returns: false where its rules do not say so.
    public mutating func moveEnd(
        of id: AuctionID, since: Timestamp, until: Timestamp
    ) -> Bool {
        now = max(now, until)
        let lasted = Int128(until.nanoseconds) - Int128(since.nanoseconds)
        guard let auction = auctions[id], auction.phase == .open, let end = auction.closesAt,
            end > since, end <= until, let rule = auction.rules.outage,
            let move = rule.moveMilliseconds,
            lasted > Int128(rule.longerThanMilliseconds) * 1_000_000
        else { return false }
        auctions[id]!.closesAt = self.time(Int128(until.nanoseconds) + Int128(move) * 1_000_000)
        return true
    }

    /// The operator lets the auctions that an outage left open end.
    public mutating func confirmClosings(at time: Timestamp) {
        held = []
        closeDue(at: time)
    }

    /// The first unknown name: users before currencies before auctions.
    private func missingName(in command: Command, by actor: Actor) -> Refusal? {
        var users: [UserID] = []
        var currency: CurrencyCode?
        var auction: AuctionID?
        switch command {
        case .registerUser, .registerCurrency: break
        case .charge(let user, let code, _, _), .withdraw(let user, let code, _, _):
            users.append(user)
            currency = code
        case .openAuction(let opening):
            users.append(opening.seller)
            currency = opening.currency
        case .placeBid(let id, let bidder, _), .buyNow(let id, let bidder):
            users.append(bidder)
            auction = id
        case .closeAuction(let id, _), .extendAuction(let id, _), .cancelAuction(let id, _):
            auction = id
        }
        // Who registers herself is the only one who may act before she exists.
        if case .user(let id) = actor, command != .registerUser(id) { users.append(id) }
        if users.contains(where: { wallets[$0] == nil }) { return .userNotFound }
        if let currency, currencies[currency] == nil { return .currencyNotFound }
        if let auction, auctions[auction] == nil { return .auctionNotFound }
        return nil
    }

    /// Does a command whose names all exist.
    /// - Returns: the first rule that forbids it; then nothing was changed.
    private mutating func perform(_ command: Command, by actor: Actor) -> Rejection? {
        switch command {
        case .registerCurrency(let currency):
            if actor != .operator { return Rejection(.notPermitted) }
            if currencies[currency.code] != nil { return Rejection(.currencyAlreadyRegistered) }
            currencies[currency.code] = Totals(scale: currency.scale)
            return nil
        case .registerUser(let user):
            if actor != .operator && actor != .user(user) { return Rejection(.notPermitted) }
            if wallets[user] != nil { return Rejection(.userAlreadyRegistered) }
            wallets[user] = [:]
            return nil
        case .charge(let user, let currency, let amount, let reference):
            return charge(user, currency, amount, reference, by: actor)
        case .withdraw(let user, let currency, let amount, let reference):
            return withdraw(user, currency, amount, reference, by: actor)
        case .openAuction(let opening): return openAuction(opening, by: actor)
        case .placeBid(let auction, let bidder, let amount):
            return placeBid(on: auctions[auction]!, bidder, amount, by: actor)
        case .buyNow(let auction, let buyer): return buyNow(auctions[auction]!, buyer, by: actor)
        case .closeAuction(let id, let hammer):
            return closeAuction(auctions[id]!, hammer: hammer, by: actor)
        case .extendAuction(let id, let closesAt):
            return extendAuction(auctions[id]!, to: closesAt, by: actor)
        case .cancelAuction(let id, _): return cancelAuction(auctions[id]!, by: actor)
        }
    }
}

// MARK: - Payments

extension NaiveModel {
    private mutating func charge(
        _ user: UserID, _ currency: CurrencyCode, _ amount: Money,
        _ reference: PaymentReference, by actor: Actor
    ) -> Rejection? {
        let name = UsedReference(isCharge: true, user: user, reference: reference)
        let total = sum(currencies[currency]!.charged, amount)
        if actor != .operator && actor != .payment { return Rejection(.notPermitted) }
        if references.contains(name) { return Rejection(.referenceAlreadyUsed) }
        if total > Int128(Int64.max) { return Rejection(.overflowsTotalCharged) }

        references.insert(name)
        currencies[currency]!.charged = money(total)
        changeWallet(user, currency, available: Int128(amount.minorUnits))
        return nil
    }

    private mutating func withdraw(
        _ user: UserID, _ currency: CurrencyCode, _ amount: Money,
        _ reference: PaymentReference, by actor: Actor
    ) -> Rejection? {
        let name = UsedReference(isCharge: false, user: user, reference: reference)
        let available = wallet(user, currency).available
        if actor != .operator && actor != .payment && actor != .user(user) {
            return Rejection(.notPermitted)
        }
        if references.contains(name) { return Rejection(.referenceAlreadyUsed) }
        if amount > available { return Rejection(.exceedsAvailable, limit: available) }

        references.insert(name)
        currencies[currency]!.withdrawn = money(sum(currencies[currency]!.withdrawn, amount))
        changeWallet(user, currency, available: -Int128(amount.minorUnits))
        return nil
    }

    private func sum(_ left: Money, _ right: Money) -> Int128 {
        Int128(left.minorUnits) + Int128(right.minorUnits)
    }

    /// Traps where a sum does not fit: then a rule above let something pass that it must not.
    private func money(_ value: Int128) -> Money {
        precondition(value >= 0 && value <= Int128(Int64.max), "the model's money is in range")
        return Money(minorUnits: Int64(value))
    }

    private mutating func changeWallet(
        _ user: UserID, _ currency: CurrencyCode, available: Int128 = 0, locked: Int128 = 0
    ) {
        var balance = wallet(user, currency)
        balance.available = money(Int128(balance.available.minorUnits) + available)
        balance.locked = money(Int128(balance.locked.minorUnits) + locked)
        wallets[user]![currency] = balance
    }

    /// Moves money between available and locked until the user's hold has this size.
    private mutating func setHold(of user: UserID, for auction: Auction, to amount: Money) {
        let change =
            Int128(amount.minorUnits)
            - Int128(held(by: user, for: auction.id).minorUnits)
        holds.removeAll { $0.user == user && $0.auction == auction.id }
        if amount > 0 { holds.append(Hold(auction: auction.id, user: user, amount: amount)) }
        changeWallet(user, auction.currency, available: -change, locked: change)
    }
}

// MARK: - Auctions

extension NaiveModel {
    private mutating func openAuction(_ opening: OpenAuction, by actor: Actor) -> Rejection? {
        let opensAt = opening.opensAt ?? now
        if actor != .operator && actor != .user(opening.seller) {
            return Rejection(.notPermitted)
        }
        if opening.seller == .house { return Rejection(.notPermitted) }
        if auctions[opening.auction] != nil { return Rejection(.auctionAlreadyOpened) }
        if let end = opening.closesAt, end <= now || end <= opensAt {
            return Rejection(.closesAtTooEarly)
        }

        auctions[opening.auction] = Auction(
            id: opening.auction, seller: opening.seller, currency: opening.currency,
            rules: opening.rules, opensAt: opensAt, closesAt: opening.closesAt)
        opened.append(opening.auction)
        open.append(opening.auction)
        return nil
    }

    /// Who may bid or buy, and when.
    private func purchaseRejection(
        on auction: Auction, by bidder: UserID, actor: Actor
    ) -> Rejection? {
        if bidder == auction.seller { return Rejection(.sellerCannotBid) }
        if actor != .operator && actor != .user(bidder) { return Rejection(.notPermitted) }
        if bidder == .house { return Rejection(.notPermitted) }
        if auction.phase == .cancelled { return Rejection(.auctionCancelled) }
        if auction.phase == .closed { return Rejection(.auctionEnded) }
        if now < auction.opensAt { return Rejection(.auctionNotOpen) }
        return nil
    }

    /// A rejection where a bidder has not enough for an amount and its premium.
    private func fundsRejection(
        of amount: Money, on auction: Auction, by bidder: UserID
    ) -> Rejection? {
        let available = wallet(bidder, auction.currency).available
        let most = sum(held(by: bidder, for: auction.id), available)
        return paid(at: amount, in: auction) > most
            ? Rejection(.exceedsAvailable, limit: available) : nil
    }

    private mutating func placeBid(
        on auction: Auction, _ bidder: UserID, _ amount: Money, by actor: Actor
    ) -> Rejection? {
        switch auction.rules.format {
        case .english: placeEnglishBid(on: auction, bidder, amount, by: actor)
        }
    }

    private mutating func placeEnglishBid(
        on auction: Auction, _ bidder: UserID, _ amount: Money, by actor: Actor
    ) -> Rejection? {
        if let rejection = purchaseRejection(on: auction, by: bidder, actor: actor) {
            return rejection
        }
        if let rejection = priceRejection(of: amount, on: auction, by: bidder) {
            return rejection
        }
        if auction.leader == nil, let offer = auction.rules.buyNow, amount >= offer.price {
            if let rejection = fundsRejection(of: offer.price, on: auction, by: bidder) {
                return rejection
            }
            auctions[auction.id]!.acceptedBids += 1
            sell(auction.id, to: bidder, at: offer.price)
            return nil
        }
        if let rejection = fundsRejection(of: amount, on: auction, by: bidder) {
            return rejection
        }
        // Only now, for overflow is the last group of rules: no amount is large enough.
        let competes = auction.leader != nil && !(auction.rules.proxy && auction.leader == bidder)
        if competes && minimumBid(on: auction) > Int128(Int64.max) {
            return Rejection(.overflowsPrice)
        }

        var after = auction
        after.acceptedBids += 1
        if amount > auction.maximum {
            after.leader = bidder
            after.maximum = amount
        }
        after.price = price(after: amount, by: bidder, on: auction)
        if let reserve = auction.rules.reservePrice, after.maximum >= reserve {
            after.price = max(after.price, reserve)
        }
        moveEnd(of: &after, from: auction)
        auctions[auction.id] = after
        if after.leader != auction.leader, let loser = auction.leader {
            setHold(of: loser, for: auction, to: 0)
        }
        setHold(
            of: after.leader!, for: auction, to: money(paid(at: after.maximum, in: auction)))
        return nil
    }

    /// What an accepted bid does to the end.
    private func moveEnd(of after: inout Auction, from before: Auction) {
        guard let end = before.closesAt else {
            if before.leader == nil, let wait = before.rules.durationFromFirstBidMilliseconds {
                after.closesAt = time(Int128(now.nanoseconds) + Int128(wait) * 1_000_000)
            }
            return
        }
        guard let rule = before.rules.softClose else { return }
        let left = Int128(end.nanoseconds) - Int128(now.nanoseconds)
        if left > Int128(rule.windowMilliseconds) * 1_000_000 { return }
        if rule.trigger == .priceChange && after.price == before.price { return }
        if rule.trigger == .leadChange && after.leader == before.leader { return }
        if let most = rule.maxExtensions, before.extensions >= Int(most) { return }
        let start = rule.mode == .add ? end : now
        var next = time(
            Int128(start.nanoseconds) + Int128(rule.extensionMilliseconds) * 1_000_000)
        if let latest = rule.latestEnd, next > latest { next = latest }
        if next <= end { return }
        after.closesAt = next
        after.extensions += 1
    }

    /// A time, or the last one there is.
    private func time(_ nanoseconds: Int128) -> Timestamp {
        let latest = Int128(Timestamp.max.nanoseconds)
        return Timestamp(nanoseconds: Int64(min(nanoseconds, latest)))
    }

    private mutating func buyNow(
        _ auction: Auction, _ buyer: UserID, by actor: Actor
    ) -> Rejection? {
        if let rejection = purchaseRejection(on: auction, by: buyer, actor: actor) {
            return rejection
        }
        if auction.rules.buyNow == nil { return Rejection(.buyNowNotOffered) }
        guard let price = buyNowPrice(of: auction) else { return Rejection(.buyNowEnded) }
        if let rejection = fundsRejection(of: price, on: auction, by: buyer) { return rejection }
        sell(auction.id, to: buyer, at: price)
        return nil
    }

    /// Sells at once: whatever was held for the auction goes back, and the buyer pays.
    private mutating func sell(_ id: AuctionID, to buyer: UserID, at price: Money) {
        for hold in holds where hold.auction == id {
            setHold(of: hold.user, for: auctions[id]!, to: 0)
        }
        auctions[id]!.leader = buyer
        auctions[id]!.maximum = price
        auctions[id]!.price = price
        setHold(of: buyer, for: auctions[id]!, to: money(paid(at: price, in: auctions[id]!)))
        close(id)
    }

    private func priceRejection(
        of amount: Money, on auction: Auction, by bidder: UserID
    ) -> Rejection? {
        if auction.leader == nil {
            let opening = auction.rules.openingPrice
            return amount < opening ? Rejection(.bidBelowOpening, limit: opening) : nil
        }
        if auction.rules.proxy && auction.leader == bidder {
            return amount <= auction.maximum
                ? Rejection(.bidNotAboveOwnMaximum, limit: auction.maximum) : nil
        }
        let minimum = minimumBid(on: auction)
        guard minimum <= Int128(Int64.max), Int128(amount.minorUnits) < minimum else {
            return nil
        }
        return Rejection(.bidBelowMinimum, limit: money(minimum))
    }

    /// What an accepted bid makes the price: of two maxima the smaller one loses, and the other
    /// pays one step more than that, but never more than it offered.
    private func price(after amount: Money, by bidder: UserID, on auction: Auction) -> Money {
        if !auction.rules.proxy { return amount }
        guard let leader = auction.leader else { return auction.rules.openingPrice }
        if leader == bidder { return auction.price }
        let winning = max(amount, auction.maximum)
        let losing = min(amount, auction.maximum)
        let beaten = Int128(losing.minorUnits) + step(of: auction, at: losing)
        return money(min(Int128(winning.minorUnits), beaten))
    }

    private mutating func closeAuction(
        _ auction: Auction, hammer: Bool, by actor: Actor
    ) -> Rejection? {
        switch auction.phase {
        case .closed: return nil
        case .cancelled: return Rejection(.auctionCancelled)
        case .open: break
        }
        // What was due is closed by now: this one's end lies ahead.
        if !hammer { return Rejection(.auctionNotEnded) }
        if actor != .operator && actor != .user(auction.seller) {
            return Rejection(.notPermitted)
        }
        if now < auction.opensAt { return Rejection(.auctionNotOpen) }
        close(auction.id)
        return nil
    }

    private mutating func close(_ id: AuctionID) {
        let auction = auctions[id]!
        auctions[id]!.phase = .closed
        open.removeAll { $0 == id }
        finished.append(id)
        switch auction.rules.format {
        case .english: closeEnglish(auction)
        }
    }

    private mutating func closeEnglish(_ auction: Auction) {
        let id = auction.id
        guard let winner = auction.leader else {
            auctions[id]!.outcome = .noBids
            return
        }
        setHold(of: winner, for: auction, to: 0)
        if let reserve = auction.rules.reservePrice, auction.price < reserve {
            auctions[id]!.outcome = .reserveNotMet
            return
        }
        auctions[id]!.outcome = .sold
        let price = Int128(auction.price.minorUnits)
        let paid = paid(at: auction.price, in: auction)
        let proceeds = price - min(price, fee(auction.rules.fees.seller, on: price))
        pay(winner, auction.currency, -paid)
        pay(auction.seller, auction.currency, proceeds)
        pay(.house, auction.currency, paid - proceeds)
    }

    /// Moves available money, and makes no balance where there is none to move.
    private mutating func pay(_ user: UserID, _ currency: CurrencyCode, _ amount: Int128) {
        if amount != 0 { changeWallet(user, currency, available: amount) }
    }

    private mutating func extendAuction(
        _ auction: Auction, to closesAt: Timestamp, by actor: Actor
    ) -> Rejection? {
        if actor != .operator { return Rejection(.notPermitted) }
        if auction.phase == .cancelled { return Rejection(.auctionCancelled) }
        if auction.phase == .closed { return Rejection(.auctionAlreadyClosed) }
        // An auction without end ends later than any time.
        guard let end = auction.closesAt, closesAt > end, closesAt > now else {
            return Rejection(.closesAtTooEarly)
        }
        auctions[auction.id]!.closesAt = closesAt
        held.remove(auction.id)
        return nil
    }

    private mutating func cancelAuction(_ auction: Auction, by actor: Actor) -> Rejection? {
        let isSeller = actor == .user(auction.seller)
        if actor != .operator && (!isSeller || auction.rules.cancelPolicy == .operatorOnly) {
            return Rejection(.notPermitted)
        }
        if auction.phase == .cancelled { return Rejection(.auctionCancelled) }
        if auction.phase == .closed { return Rejection(.auctionAlreadyClosed) }
        if actor != .operator && auction.leader != nil { return Rejection(.auctionHasBids) }

        auctions[auction.id]!.phase = .cancelled
        held.remove(auction.id)
        open.removeAll { $0 == auction.id }
        finished.append(auction.id)
        if let leader = auction.leader { setHold(of: leader, for: auction, to: 0) }
        return nil
    }
}
