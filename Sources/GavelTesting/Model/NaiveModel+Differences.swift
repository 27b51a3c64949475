// The model held against the real state, field by field.
//
// Invariant: everything that a reader of the ledger can see is compared; only positions are not,
// except that auctions must have ended in the same order.

public import AuctionDomain

extension NaiveModel {
    /// Every field in which a state differs from the model, as "what: state has x, model has y".
    /// - Complexity: O(size of both).
    public func differences(from state: State) -> [String] {
        var found = Differences()
        found.compare("users", state.userCount, wallets.count)
        found.compare("currencies", state.currencyCount, currencies.count)
        found.compare("auctions", state.auctionCount, auctions.count)
        found.compare("references", state.references.count, references.count)
        compareCurrencies(state, &found)
        compareWallets(state, &found)
        compareAuctions(state, &found)
        compareHolds(state, &found)
        return found.lines
    }

    private func compareCurrencies(_ state: State, _ found: inout Differences) {
        for (code, totals) in currencies.sorted(by: { $0.key < $1.key }) {
            guard let handle = state.currency(code) else {
                found.lines.append("currency \(code): the state has none")
                continue
            }
            let record = state[handle]
            found.compare("\(code) scale", record.currency.scale, totals.scale)
            found.compare("\(code) charged", record.charged, totals.charged)
            found.compare("\(code) withdrawn", record.withdrawn, totals.withdrawn)
        }
    }

    private func compareWallets(_ state: State, _ found: inout Differences) {
        for (user, balances) in wallets.sorted(by: { $0.key < $1.key }) {
            guard let handle = state.user(user) else {
                found.lines.append("user \(user): the state has none")
                continue
            }
            found.compare("name of \(user)", state.id(of: handle), user)
            var real: [CurrencyCode: Balance] = [:]
            for account in state.accounts(of: handle) {
                var balance = Balance()
                balance.available = account.available
                balance.locked = account.locked
                real[state[account.currency].currency.code] = balance
            }
            found.compare(
                "currencies of \(user)", real.keys.sorted(), balances.keys.sorted())
            for (code, balance) in balances.sorted(by: { $0.key < $1.key }) {
                found.compare("\(user) \(code) available", real[code]?.available, balance.available)
                found.compare("\(user) \(code) locked", real[code]?.locked, balance.locked)
            }
        }
    }

    private func compareAuctions(_ state: State, _ found: inout Differences) {
        for (index, id) in opened.enumerated() {
            guard let handle = state.auction(id) else {
                found.lines.append("auction \(id): the state has none")
                continue
            }
            found.compare("\(id) order of opening", Int(handle.rawValue), index)
            compare(auctions[id]!, with: state[handle], in: state, &found)
            found.compare("\(id) rules", state.rules(of: handle), auctions[id]!.rules)
        }
        let ended = opened.compactMap { state.auction($0) }
            .filter { state[$0].phase != .open }
            .sorted { state[$0].closedPosition < state[$1].closedPosition }
        found.compare("order of endings", ended.map { state.id(of: $0) }, finished)
    }

    private func compare(
        _ auction: Auction, with record: AuctionRecord, in state: State,
        _ found: inout Differences
    ) {
        let id = auction.id
        let phase: AuctionPhase =
            switch auction.phase {
            case .open: .open
            case .closed: .closed
            case .cancelled: .cancelled
            }
        let leader = record.leader == .none ? nil : state.id(of: record.leader)
        found.compare("\(id) phase", record.phase, phase)
        found.compare("\(id) outcome", record.outcome, auction.outcome)
        found.compare("\(id) seller", state.id(of: record.seller), auction.seller)
        found.compare("\(id) currency", state[record.currency].currency.code, auction.currency)
        found.compare("\(id) opens_at", record.opensAt, auction.opensAt)
        found.compare("\(id) closes_at", record.closesAt, auction.closesAt ?? .noEnd)
        found.compare("\(id) leader", leader, auction.leader)
        found.compare("\(id) price", record.price, auction.price)
        found.compare("\(id) maximum", record.maximum, auction.maximum)
        found.compare(
            "\(id) extensions", Int(state.extensions(of: state.auction(id)!)),
            auction.extensions)
        if auction.phase == .open {
            found.compare(
                "\(id) buy-now offer", state.buyNowPrice(of: state.auction(id)!),
                buyNowPrice(of: auction))
        }
        found.compare("\(id) accepted bids", Int(record.acceptedBids), auction.acceptedBids)
        found.compare("\(id) rejected bids", Int(record.rejectedBids), auction.rejectedBids)
    }

    private func compareHolds(_ state: State, _ found: inout Differences) {
        var real: [Hold] = []
        for id in opened {
            guard let handle = state.auction(id) else { continue }
            for hold in state.holds(on: handle) {
                real.append(Hold(auction: id, user: state.id(of: hold.user), amount: hold.amount))
            }
        }
        found.compare(
            "holds", real.sorted { $0.auction < $1.auction },
            holds.sorted { $0.auction < $1.auction })
    }
}

/// Collects what is not equal.
private struct Differences {
    var lines: [String] = []

    mutating func compare<Value: Equatable>(_ what: String, _ state: Value, _ model: Value) {
        if state != model {
            lines.append("\(what): state has \(state), model has \(model)")
        }
    }
}
