// What the entries about one auction come to: a row for each, its price and holds over time, and
// where the money went when it ended.
//
// Invariant: prices, fates and holds are added up from the entries alone; the page compares the
// sum with what the ledger says.

import Gavel
import GavelJSON

struct AuctionStory {
    /// The most rows a table has.
    static let rowsMax = 5_000

    let view: AuctionView
    private let names: Reading
    private let words: StepInWords

    private(set) var rows = ReportRows(max: rowsMax, keepsEnd: true)
    private(set) var holdRows = ReportRows(max: rowsMax, keepsEnd: true)
    private(set) var flowRows = ReportRows(max: rowsMax, keepsEnd: true)
    private(set) var rejectedCount = 0
    private(set) var contradictions = ReportContradictions()
    private(set) var lastPosition: UInt64 = 0

    // Over time, in nanoseconds and minor units.
    private(set) var price = StepLine(name: "price", style: "c1")
    private(set) var maximum = StepLine(name: "leader's maximum", style: "c3", isDashed: true)
    private(set) var leads = ChartMarks(name: "takes or keeps the lead", style: "c1", shape: .dot)
    private(set) var absorbed = ChartMarks(name: "absorbed", style: "c4", shape: .dot)
    private(set) var rejected = ChartMarks(name: "rejected", style: "c2", shape: .square)
    /// The ends that the auction had.
    private(set) var ends: [Int64] = []
    private(set) var bidTimes: [Int64] = []
    private(set) var closedTime: Int64?
    private(set) var lastTime: Int64 = 0

    /// One bidder's hold over time.
    private struct Holder {
        let user: UserHandle
        var points: [(time: Int64, value: Double?)] = []
        var most: Double { points.compactMap(\.value).max() ?? 0 }
    }

    /// In order of the first hold.
    private var holders: [Holder] = []
    private var holdPlaces: [UserHandle: Int] = [:]
    private var held: [UserHandle: Money] = [:]
    /// Where the money of the sale went.
    private(set) var sale: (paid: Money, fee: Money, price: Money, change: Money)?

    /// What is held for the auction after the last entry.
    var heldNow: Money { held.values.reduce(.zero) { $0.adding($1) ?? .max } }

    /// - Throws: `LedgerError` with `unknownName`, `damaged` or `storage`.
    init(of id: AuctionID, _ reader: LedgerReader) throws {
        view = try reader.auction(id).value
        names = reader.reading
        words = StepInWords(currency: view.currency, names: names)
        try reader.forEachExplanation(of: id) { entry, explanation in
            add(entry, explanation)
        }
    }

    /// What the ledger itself says is held, as of the last entry.
    private(set) var heldByFold = Money.zero

    private mutating func add(_ entry: LedgerEntry, _ explanation: Explanation) {
        guard let step = explanation.step else { return }
        let time = entry.time.nanoseconds
        (lastPosition, lastTime) = (entry.position, time)
        heldByFold = explanation.after?.record.held ?? .zero
        addToChart(step, explanation, at: time)
        if let ruling = explanation.contradiction {
            contradictions.add(Redecision(recorded: entry, ruling: ruling), names)
        }
        let sentences = EventInWords(explanation: explanation, names: names)
        for event in entry.outcome.events {
            for movement in event.movements {
                follow(movement, sentences.sentence(event), entry)
            }
        }
        if entry.outcome.events.contains(where: { $0.end != nil }) {
            addFlow(entry, explanation, sentences)
        }
        addRow(step, explanation, sentences)
    }

    // MARK: Every entry

    private mutating func addRow(
        _ step: AuctionStep, _ explanation: Explanation, _ sentences: EventInWords
    ) {
        let fate = fate(of: step)
        var small: [String] = []
        if step.rejection != nil { rejectedCount += step.bidder == nil ? 0 : 1 }
        if !explanation.isSameToday {
            small = ExplanationInWords(explanation: explanation, names: names).contradiction
        } else if let rejection = step.rejection {
            let refusal = explanation.refusal.map {
                RefusalInWords(names: names, explanation: explanation).sentence($0)
            }
            small = [refusal ?? describeRejection(rejection, in: view.currency)]
        } else {
            small = explanation.recorded.events.filter { $0.movements.isEmpty }.map {
                sentences.sentence($0)
            }
            if case .cancelAuction(_, let reason) = explanation.command, !reason.isEmpty {
                small.append("the reason given: \(reason)")
            }
        }
        let code = step.rejection.map { "\($0.code.name) (\($0.code.rawValue))" }
        rows.append(
            ReportRow(
                id: "p\(step.point.position)",
                style: explanation.isSameToday ? fate.style : "contradiction",
                cells: [
                    ReportCell(String(step.point.position)), ReportCell(step.point.time.rfc3339),
                    ReportCell(words.who(step)), ReportCell(step.amount.map { money($0) }),
                    ReportCell(code, tag: fate.name, small: small),
                    ReportCell(step.price.map { money($0) }),
                    ReportCell(step.leader.map { names.id(of: $0).string }),
                    ReportCell(heldNow > .zero ? money(heldNow) : nil),
                ]))
    }

    private func fate(of step: AuctionStep) -> (name: String, style: String) {
        if step.rejection != nil { return ("rejected", "rejected") }
        for fact in step.facts {
            switch fact {
            case .opened: return ("opened", "ended")
            case .leads: return ("lead taken", "lead")
            case .raised: return ("raised", "raised")
            case .absorbed: return ("absorbed", "absorbed")
            case .boughtNow: return ("bought now", "lead")
            case .sold: return ("sold", "ended")
            case .closed: return ("closed", "ended")
            case .cancelled: return ("cancelled", "ended")
            case .closeConfirmed: return ("confirmed", "ended")
            case .extended: return ("extended", "ended")
            }
        }
        return ("noted", "ended")
    }

    // MARK: Over time

    private mutating func addToChart(
        _ step: AuctionStep, _ explanation: Explanation, at time: Int64
    ) {
        if let price = step.price {
            self.price.points.append((time, Double(price.minorUnits)))
            let maximum = explanation.after?.record.maximum ?? .zero
            if step.proxy, explanation.after?.record.phase == .open {
                self.maximum.points.append((time, Double(maximum.minorUnits)))
            } else if step.proxy {
                self.maximum.points.append((time, nil))
            }
        }
        if let end = step.closesAt?.nanoseconds, end != ends.last { ends.append(end) }
        if explanation.recorded.events.contains(where: { $0.end != nil }) { closedTime = time }
        guard step.bidder != nil else { return }
        bidTimes.append(time)
        if step.rejection != nil {
            // Whoever buys names no amount.
            if let amount = step.amount ?? view.rules.buyNow?.price {
                rejected.points.append((time, amount.units))
            }
        } else if let absorbing = step.facts.first, case .absorbed = absorbing {
            if let amount = step.amount { absorbed.points.append((time, amount.units)) }
        } else if let price = step.price {
            leads.points.append((time, price.units))
        }
    }

    // MARK: Holds

    private mutating func follow(
        _ movement: MoneyMovement, _ sentence: String, _ entry: LedgerEntry
    ) {
        let (user, amount) = (movement.user, movement.amount)
        switch movement.kind {
        case .locked(let now): held[user] = now
        case .refunded, .paid:
            let before = held[user] ?? .zero
            held[user] = before > amount ? before - amount : nil
        case .charged, .withdrawn, .sold, .fee: return
        }
        let time = entry.time.nanoseconds
        let now = held[user]
        if holdPlaces[user] == nil {
            holdPlaces[user] = holders.count
            holders.append(Holder(user: user))
        }
        holders[holdPlaces[user]!].points.append((time, now?.units))
        holdRows.append(
            ReportRow(cells: [
                ReportCell(String(entry.position), link: "p\(entry.position)"),
                ReportCell(entry.time.rfc3339), ReportCell(names.id(of: user).string),
                ReportCell(nil, small: [sentence]), ReportCell(money(now ?? .zero)),
                ReportCell(money(heldNow)),
            ]))
    }

    /// The largest holds as lines of their own, the others' sum as one.
    func holdLines(atMost max: Int) -> [StepLine] {
        let order = holders.indices.sorted { left, right in
            let (most, other) = (holders[left].most, holders[right].most)
            return most == other ? left < right : most > other
        }
        var lines = order.prefix(max).sorted().enumerated().map { number, place in
            StepLine(
                name: names.id(of: holders[place].user).string, style: "c\(number % 4 + 1)",
                isFilled: true, points: holders[place].points)
        }
        let others = order.dropFirst(max)
        guard !others.isEmpty else { return lines }
        var sum = StepLine(name: "\(others.count) others", style: "soft", isDashed: true)
        var now: [Int: Double] = [:]
        let changes = others.flatMap { place in holders[place].points.map { (place, $0) } }
        for (place, point) in changes.sorted(by: { $0.1.time < $1.1.time }) {
            now[place] = point.value
            sum.points.append((point.time, now.isEmpty ? nil : now.values.reduce(0, +)))
        }
        lines.append(sum)
        return lines
    }

    // MARK: The end

    private mutating func addFlow(
        _ entry: LedgerEntry, _ explanation: Explanation, _ sentences: EventInWords
    ) {
        let price = explanation.after?.record.price ?? .zero
        func flow(_ from: String, _ to: String, _ amount: Money, _ what: String) {
            flowRows.append(
                ReportRow(cells: [
                    ReportCell(from), ReportCell(to), ReportCell(money(amount)), ReportCell(what),
                ]))
        }
        for event in entry.outcome.events {
            let movements = event.movements
            func moved(_ kind: MoneyMovement.Kind) -> MoneyMovement? {
                movements.first { $0.kind == kind }
            }
            for movement in movements {
                let (user, amount) = (names.id(of: movement.user), movement.amount)
                switch movement.kind {
                case .paid:
                    // Where fees take all, the seller is moved nothing.
                    let seller = moved(.sold).map { names.id(of: $0.user) } ?? view.seller
                    let proceeds = moved(.sold)?.amount ?? .zero
                    let fee = moved(.fee)?.amount ?? .zero
                    flow(
                        "\(user), locked", "\(seller), available", proceeds,
                        price > proceeds
                            ? "proceeds: price \(money(price)) − "
                                + "seller's fee \(money(price - proceeds))"
                            : "proceeds: the price")
                    if fee > .zero {
                        flow("\(user), locked", "house, available", fee, fees(amount, fee, price))
                    }
                    sale = (amount, fee, price, sale?.change ?? .zero)
                case .refunded(let reason):
                    flow(
                        "\(user), locked", "\(user), available", amount,
                        sentences.sentence(event))
                    if reason == .change { sale?.change = amount }
                case .charged, .withdrawn, .locked, .sold, .fee: break
                }
            }
        }
    }

    private func fees(_ paid: Money, _ fee: Money, _ price: Money) -> String {
        let premium = paid - price
        var parts: [String] = []
        if premium > .zero { parts.append("buyer's premium \(money(premium))") }
        if fee > premium { parts.append("seller's fee \(money(fee - premium))") }
        return "fees: " + parts.joined(separator: " + ")
    }

    // MARK: Short

    func money(_ amount: Money) -> String { amount.formatted(in: view.currency) }
}

extension Money {
    /// For drawing only.
    var units: Double { Double(minorUnits) }
}
