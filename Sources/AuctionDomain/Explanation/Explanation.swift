// Why a command came out as it did: what stood, which rule decided with which figures, what
// changed. A value without words; who shows it chooses them.
//
// Invariants: nothing here judges, and nothing is inferred from what is recorded: which rule passed
// and which refused is `State.decide`'s answer on the state before, with the figures that the rules
// themselves give; the recorded outcome stands beside it, and where the two differ that is said.
// Balances follow from `State.evolve`. It holds maxima, holds and reserves: it is for auditors,
// never for the public.

/// An auction just before or just after an entry.
public struct AuctionStanding: Hashable, Sendable {
    public let auction: AuctionHandle
    public let record: AuctionRecord
    public let rules: AuctionRules
    /// The least a challenger had to bid; nil where no amount was large enough.
    public let minimumBid: Money?
    /// How far the next bid had to lie above the price.
    public let step: Money
    /// Whether the price had reached the reserve; nil where there was none.
    public let isReserveMet: Bool?
    /// The price at which it could be bought; nil where that was not on offer.
    public let buyNowPrice: Money?
    /// How often bids had moved the end.
    public let extensions: UInt32

    /// Who led, or had won; nil before the first accepted bid.
    public var leader: UserHandle? { record.leadingUser }
}

/// One user's money in one currency.
public struct AccountStanding: Hashable, Sendable {
    public let user: UserHandle
    public let currency: CurrencyHandle
    public let available: Money
    public let locked: Money
}

/// What an event did to one account.
public struct AccountChange: Hashable, Sendable {
    public let before: AccountStanding
    public let after: AccountStanding
}

/// One event and the accounts it touched, in the order in which it names them.
public struct ExplainedEvent: Hashable, Sendable {
    public let event: Event
    public let accounts: [AccountChange]
}

/// One rule that a command is held against, and how it came out.
public struct RuleCheck: Hashable, Sendable {
    public enum Verdict: Hashable, Sendable {
        case passed
        /// What the rule compared.
        case refused(RuleFigures?)
        /// A rule before it refused already.
        case notReached
    }

    public let code: Rejection.Code
    public let verdict: Verdict
}

/// One entry, explained.
public struct Explanation: Hashable, Sendable {
    public let point: EntryPoint
    public let actor: CanonicalActor
    public let command: CanonicalCommand
    /// The outcome in the log.
    public let recorded: Outcome
    /// The outcome by the rules of this version.
    public let today: Outcome
    /// The auction the command is about; nil where it is about none that existed.
    public let before: AuctionStanding?
    /// The same auction, or the one that was opened, after the entry.
    public let after: AuctionStanding?
    /// The money of the user the command speaks for, before the entry.
    public let account: AccountStanding?
    /// The rules that the command is held against, in order of precedence, each as it answers on
    /// the state before the entry, whatever is recorded.
    public let checks: [RuleCheck]
    /// What the rules give where the entry says otherwise; nil where it is what they give.
    public let contradiction: Ruling?
    public let events: [ExplainedEvent]
    /// The entry as a step of its auction's story; nil where it is about none.
    public let step: AuctionStep?

    /// Whether the entry is what the rules of this version give.
    public var isSameToday: Bool { contradiction == nil }

    /// The rules that let the command pass, in the order in which they are asked.
    public var passed: [Rejection.Code] { codes { $0 == .passed } }
    /// The rules that were not asked any more.
    public var notAsked: [Rejection.Code] { codes { $0 == .notReached } }
    /// The rule that refuses the command; nil where every rule lets it pass.
    public var refusing: Rejection.Code? { today.rejection?.code }
    /// What the rule that refuses the command compares; nil where every rule lets it pass.
    public var refusal: RuleFigures? {
        for check in checks {
            if case .refused(let figures) = check.verdict { return figures }
        }
        return nil
    }

    private func codes(where fits: (RuleCheck.Verdict) -> Bool) -> [Rejection.Code] {
        checks.filter { fits($0.verdict) }.map(\.code)
    }
}

extension State {
    /// Explains the next entry of a log whose state this is.
    /// - Throws: `ImpossibleEntry` where the entry cannot follow.
    /// - Complexity: O(events), and a copy of the records they change.
    public func explanation(
        of command: CanonicalCommand, by actor: CanonicalActor, recorded: Outcome,
        at point: EntryPoint
    ) throws(ImpossibleEntry) -> Explanation {
        try check(command, by: actor, at: point)
        var state = self
        var explained: [ExplainedEvent] = []
        for event in recorded.events {
            try state.check(event)
            let touched = state.accountsTouched(by: event)
            let before = touched.map { state.standing($0.user, $0.currency) }
            state.evolve(event, at: point)
            let accounts = before.map { account in
                AccountChange(
                    before: account, after: state.standing(account.user, account.currency))
            }
            explained.append(ExplainedEvent(event: event, accounts: accounts))
        }
        var links = ContiguousArray<EntryLink>()
        state.finishEntry(
            command, rejected: recorded.rejection != nil, events: recorded.events, at: point,
            links: &links)
        let today = decide(command, by: actor, at: point.time)
        var room = EventList()
        let contradiction = ruling(
            on: command, by: actor, rejection: recorded.rejection, events: recorded.events,
            at: point.time, using: &room)
        return Explanation(
            point: point, actor: actor, command: command, recorded: recorded, today: today,
            before: command.auction.map { standing($0) },
            after: command.auction(events: recorded.events).map { state.standing($0) },
            account: accountOfInterest(to: command).map { standing($0.user, $0.currency) },
            checks: checks(of: command, by: actor, at: point.time, today.rejection?.code),
            contradiction: contradiction,
            events: explained,
            step: command.auction(events: recorded.events).map { auction in
                var steps = AuctionSteps()
                if command.auction != nil { steps = AuctionSteps(resuming: auction, in: self) }
                return steps.next(command, by: actor, outcome: recorded, at: point)
            })
    }

    /// The rules as they answered: those before the one that refuses let the command pass.
    private func checks(
        of command: CanonicalCommand, by actor: CanonicalActor, at time: Timestamp,
        _ refusing: Rejection.Code?
    ) -> [RuleCheck] {
        let rules = rules(for: command, by: actor)
        let place = refusing.map { code in rules.firstIndex(of: code) ?? 0 } ?? rules.count
        return rules.enumerated().map { index, code in
            if index < place { return RuleCheck(code: code, verdict: .passed) }
            guard index == place else { return RuleCheck(code: code, verdict: .notReached) }
            return RuleCheck(
                code: code, verdict: .refused(figures(of: code, command, by: actor, at: time)))
        }
    }

    /// An auction as it stands.
    public func standing(_ auction: AuctionHandle) -> AuctionStanding {
        let record = self[auction]
        return AuctionStanding(
            auction: auction, record: record, rules: rules(of: auction),
            minimumBid: minimumBid(on: auction), step: step(of: record, at: record.price),
            isReserveMet: isReserveMet(on: auction), buyNowPrice: buyNowPrice(of: auction),
            extensions: extensions(of: auction))
    }

    /// A user's money as it stands.
    public func standing(_ user: UserHandle, _ currency: CurrencyHandle) -> AccountStanding {
        let account = account(of: user, in: currency)
        return AccountStanding(
            user: user, currency: currency, available: account?.available ?? .zero,
            locked: account?.locked ?? .zero)
    }

    /// The account that the command's outcome may hang on.
    private func accountOfInterest(to command: CanonicalCommand) -> AccountKey? {
        if let bid = command.bid { return (bid.bidder, self[bid.auction].currency) }
        return command.payment.map { ($0.user, $0.currency) }
    }

    /// Whose money an event moves, each account once.
    private func accountsTouched(by event: Event) -> [AccountKey] {
        var accounts = MovedAccounts(state: self)
        accounts.visit(event)
        return accounts.keys
    }
}

private typealias AccountKey = (user: UserHandle, currency: CurrencyHandle)

private struct MovedAccounts: EffectVisitor {
    let state: State
    var keys: [AccountKey] = []

    mutating func moves(_ movement: MoneyMovement) {
        let currency = state.currency(of: movement.subject)
        guard !keys.contains(where: { $0 == (movement.user, currency) }) else { return }
        keys.append((movement.user, currency))
    }
}
