// What a history shows to anyone, and to one signed-in stranger, told by the naive model.
//
// Two histories with equal transcripts differ in hidden things only. This page is the statement of
// what is public by design, written once more beside the service's own: positions and the log's
// size, accepted commands about auctions with their times, and where every auction stands.

import AuctionDomain
import GavelTesting

/// What one step of a history shows.
struct PublicMoment: Equatable {
    /// What the step itself is, as far as anyone may see.
    enum Act: Equatable {
        /// No entry: nobody but the caller learns of it.
        case refused(Refusal)
        /// An entry of which anyone sees that it is there.
        case hidden(Counted?)
        /// An accepted command about an auction, as far as it is public, with its time.
        case open(Command, by: LedgerActor, at: Timestamp)
    }

    /// What the operations listener counts of a hidden entry.
    struct Counted: Equatable {
        var kind: Int
        var isAccepted: Bool
        /// Whether it came over HTTP, and so is counted with its route.
        var isCall: Bool
    }

    var act: Act
    var auctions: [AuctionFacts]
    var stranger: StrangerFacts
}

/// Where an auction stands for anyone.
struct AuctionFacts: Equatable {
    var id: AuctionID
    var phase: NaiveModel.Phase
    var isScheduled: Bool
    var outcome: AuctionOutcome?
    var leader: UserID?
    var price: Money
    var bids: Int
    var extensions: Int
    var closesAt: Timestamp?
    var isReserveMet: Bool?
    var buyNowPrice: Money?
    /// Only once closed.
    var reserve: Money?

    init(_ auction: NaiveModel.Auction, in model: NaiveModel, at time: Timestamp) {
        id = auction.id
        phase = auction.phase
        isScheduled = auction.phase == .open && time < auction.opensAt
        outcome = auction.outcome
        leader = auction.leader
        price = auction.price
        bids = auction.acceptedBids
        extensions = auction.extensions
        closesAt = auction.closesAt
        isReserveMet = auction.rules.reservePrice.map { auction.price >= $0 }
        buyNowPrice = auction.phase == .open ? model.buyNowPrice(of: auction) : nil
        reserve = auction.phase == .closed ? auction.rules.reservePrice : nil
    }
}

/// What the stranger knows of herself.
struct StrangerFacts: Equatable {
    var wallet: [CurrencyCode: NaiveModel.Balance]
    var holds: [Money]
    /// What became of her own command.
    var outcome: ModelOutcome?
}

/// Tells what a history shows, step by step.
struct PublicTranscript {
    private(set) var model = NaiveModel()
    /// What became of the last step.
    private(set) var outcome = ModelOutcome.accepted
    private let stranger: UserID
    private let tellsKinds: Bool
    /// The time of the last entry: a refused command has none.
    private var time = Timestamp.zero

    /// - Parameter tellsKinds: whether what is counted of hidden entries belongs to what is shown,
    ///   as it does on the operations listener.
    init(stranger: UserID, tellsKinds: Bool) {
        self.stranger = stranger
        self.tellsKinds = tellsKinds
    }

    mutating func next(_ step: WorkloadStep) -> PublicMoment {
        let closed = model.finished.count
        outcome = model.submit(step)
        let act: PublicMoment.Act
        switch outcome {
        case .refused(let refusal):
            act = .refused(refusal)
            // Auctions that came to their end are entries all the same.
            if model.finished.count > closed { time = max(time, step.time) }
        case .accepted, .rejected, .replayed:
            time = max(time, step.time)
            act = self.act(of: step)
        }
        let isOwn = step.actor == .user(stranger) || step.command.subject == stranger
        let facts = StrangerFacts(
            wallet: model.wallets[stranger] ?? [:],
            holds: model.opened.map { model.held(by: stranger, for: $0) },
            outcome: isOwn ? outcome : nil)
        return PublicMoment(
            act: act,
            auctions: model.opened.map { AuctionFacts(model.auctions[$0]!, in: model, at: time) },
            stranger: facts)
    }

    /// Lets time pass until every auction that has an end has come to it.
    mutating func end(at time: Timestamp) -> [AuctionFacts] {
        model.closeDue(at: time)
        return model.opened.map { AuctionFacts(model.auctions[$0]!, in: model, at: time) }
    }

    private func act(of step: WorkloadStep) -> PublicMoment.Act {
        guard outcome == .accepted, let open = step.command.publicPart(in: model) else {
            guard tellsKinds else { return .hidden(nil) }
            return .hidden(
                .init(
                    kind: step.command.kind, isAccepted: outcome == .accepted,
                    isCall: HTTPCommand(step) != nil))
        }
        return .open(open, by: step.actor, at: step.time)
    }
}

extension Command {
    /// What anyone may see of the command once it was accepted; nil where it is about no auction.
    fileprivate func publicPart(in model: NaiveModel) -> Command? {
        switch self {
        case .registerCurrency, .registerUser, .charge, .withdraw: return nil
        case .openAuction(var opening):
            // That there is one is public: whether it is met always stands.
            if opening.rules.reservePrice != nil {
                opening.rules.reservePrice = opening.rules.openingPrice
            }
            return .openAuction(opening)
        case .placeBid(let auction, let bidder, _)
        where model.auctions[auction]?.rules.proxy == true:
            return .placeBid(auction: auction, bidder: bidder, amount: 1)
        case .placeBid, .buyNow, .closeAuction, .extendAuction, .cancelAuction: return self
        }
    }

    /// For whom the command speaks; nil for what speaks for the house.
    var subject: UserID? {
        switch self {
        case .registerUser(let user), .charge(let user, _, _, _), .withdraw(let user, _, _, _),
            .placeBid(_, let user, _), .buyNow(_, let user):
            user
        case .openAuction(let opening): opening.seller
        case .registerCurrency, .closeAuction, .extendAuction, .cancelAuction: nil
        }
    }

    /// A number for each kind.
    var kind: Int {
        switch self {
        case .registerCurrency: 0
        case .registerUser: 1
        case .charge: 2
        case .withdraw: 3
        case .openAuction: 4
        case .placeBid: 5
        case .buyNow: 6
        case .closeAuction: 7
        case .extendAuction: 8
        case .cancelAuction: 9
        }
    }
}
