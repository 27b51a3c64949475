// After an outage: a later end for every auction whose end came while nobody could bid.

package import AuctionDomain
internal import Synchronization

extension Ledger {
    /// What became of one auction's extension.
    public struct ExtendedAuction: Hashable, Sendable {
        public let auction: AuctionID
        /// When it would have ended; nil where time would not have ended it.
        public let formerEnd: Timestamp?
        public let receipt: Receipt

        public init(auction: AuctionID, formerEnd: Timestamp?, receipt: Receipt) {
            self.auction = auction
            self.formerEnd = formerEnd
            self.receipt = receipt
        }
    }
}

extension Ledger {
    /// Gives a later end to every auction whose end has come and that is still open, because
    /// closings are held. One `extend_auction` each, so an interrupted call is simply made again.
    ///
    ///     var configuration = Configuration()
    ///     configuration.closing = .held
    ///     let ledger = try await Ledger.open(at: path, configuration: configuration)
    ///     try await ledger.extendEndedAuctions(to: noon)
    ///     try await ledger.confirmClosings()
    ///
    /// - Parameters:
    ///   - since: leaves out auctions whose end came before this time.
    ///   - closesAt: the new end, in the future.
    /// - Returns: the auctions by their former ends. A receipt may be a rejection, where an
    ///   auction was finished meanwhile.
    /// - Throws: as `submit(_:id:by:)`.
    @discardableResult
    public func extendEndedAuctions(
        since: Timestamp = .zero, to closesAt: Timestamp
    ) async throws -> [ExtendedAuction] {
        var extended: [ExtendedAuction] = []
        let now = now
        let ended = endedAuctions(since: since, until: now)
        for start in stride(from: 0, to: ended.count, by: 1_000) {
            let chunk = ended[start..<min(start + 1_000, ended.count)]
            let receipts = try await submit(
                chunk.map {
                    Submission(
                        id: .generate(at: now),
                        command: .extendAuction($0.auction, closesAt: closesAt))
                })
            for ((auction, end), receipt) in zip(chunk, receipts) {
                extended.append(
                    ExtendedAuction(auction: auction, formerEnd: end, receipt: receipt))
            }
        }
        return extended
    }

    /// The open auctions whose end has come, the earliest first: none but while closings are held.
    private func endedAuctions(
        since: Timestamp, until now: Timestamp
    ) -> [(auction: AuctionID, end: Timestamp)] {
        reading.readState.withLock { state in
            var ended: [(auction: AuctionID, end: Timestamp)] = []
            state.sortDeadlines()
            let first = DeadlineQueue.Key(end: since, auction: AuctionHandle(rawValue: 0))
            state.state.deadlines.forEach(from: first) { key in
                guard key.end <= now else { return false }
                ended.append((state.state.id(of: key.auction), key.end))
                return true
            }
            return ended
        }
    }
}
