// Encoding a read state, and the window of command ids, into the chunks of a snapshot.
//
// A chunk is `u8 section, u32 records, records`, about a mebibyte. Records stand in the order of
// their handles, those of ids by ascending periods: `u64 period, u64 first position, u32 ids` and
// for each id `u32 position − first position + 1, u32 hash`.

internal import AuctionDomain
internal import Platform

/// What the records of a chunk are, in the order in which they stand in a snapshot.
enum SnapshotSection: UInt8 {
    case general = 1
    case currencies, users, accounts, terms, extras, auctions, holds, references, bids, ids
}

/// Encodes a read state into chunks.
private struct ChunkWriter: ~Copyable {
    private static let chunkBytes = 1 << 20

    private var buffer = ByteBuffer(capacity: ChunkWriter.chunkBytes + 4096)
    private var section = SnapshotSection.general
    private var count: UInt32 = 0
    private let emit: (RawSpan) throws -> Void

    init(emit: @escaping (RawSpan) throws -> Void) { self.emit = emit }

    /// Writes one record; chunks are cut between records.
    mutating func record(
        _ section: SnapshotSection, _ encode: (inout ByteBuffer) -> Void
    ) throws {
        if section != self.section || buffer.count >= Self.chunkBytes { try flush() }
        if buffer.count == 0 {
            self.section = section
            buffer.append(section.rawValue)
            buffer.append(UInt32(0))
        }
        encode(&buffer)
        count += 1
    }

    mutating func flush() throws {
        guard buffer.count > 0 else { return }
        buffer.store(count, at: 1)
        try buffer.withBytes(emit)
        buffer.removeAll()
        count = 0
    }
}

extension ReadState {
    /// Lends the state in chunks to `emit`.
    func writeChunks(_ emit: @escaping (RawSpan) throws -> Void) throws {
        var writer = ChunkWriter(emit: emit)
        try writer.record(.general) { [state] buffer in
            buffer.append(state.time.nanoseconds)
            buffer.append(state.epoch)
            // No Ed25519 key is all zeros.
            buffer.append(state.signingKey ?? .zero)
            buffer.append(state.formerKey ?? .zero)
        }
        for record in state.currencies {
            try writer.record(.currencies) { buffer in
                buffer.append(record.currency.scale)
                buffer.appendName(record.currency.code.string)
                buffer.append(record.charged.minorUnits)
                buffer.append(record.withdrawn.minorUnits)
            }
        }
        for index in state.wallets.indices {
            let wallet = state.wallets[index]
            try writer.record(.users) { [state] buffer in
                buffer.appendName(state.userNames.name(index))
                buffer.append(wallet.lastPosition)
                buffer.append(wallet.currency.rawValue)
                buffer.append(wallet.next)
                buffer.append(wallet.available.minorUnits)
                buffer.append(wallet.locked.minorUnits)
            }
        }
        for index in state.furtherAccounts.indices {
            let account = state.furtherAccounts[index]
            try writer.record(.accounts) { buffer in
                buffer.append(account.available.minorUnits)
                buffer.append(account.locked.minorUnits)
                buffer.append(account.user.rawValue)
                buffer.append(account.next)
                buffer.append(account.currency.rawValue)
            }
        }
        for terms in state.terms {
            try writer.record(.terms) { buffer in buffer.appendRules(terms.asRules) }
        }
        for index in state.extras.indices {
            let extras = state.extras[index]
            try writer.record(.extras) { buffer in
                buffer.append(extras.reservePrice.minorUnits)
                buffer.append(extras.buyNowPrice.minorUnits)
                buffer.append(extras.latestEnd.nanoseconds)
                buffer.append(extras.extensions)
            }
        }
        try writeAuctions(to: &writer)
        for index in 0..<state.references.count {
            try writer.record(.references) { [state] buffer in
                buffer.appendName(state.references.name(index))
            }
        }
        for index in bidders.nodes.indices {
            let node = bidders.nodes[index]
            try writer.record(.bids) { buffer in
                buffer.append(node.user.rawValue)
                buffer.append(node.auction.rawValue)
            }
        }
        try writer.flush()
    }

    /// Writes the auctions, and the holds of those on which several hold.
    private func writeAuctions(to writer: inout ChunkWriter) throws {
        for index in state.auctions.indices {
            try writer.record(.auctions) { [state, titles, auctionLists] buffer in
                buffer.appendName(state.auctionNames.name(index))
                buffer.append(UInt16(titles[index].utf8.count))
                buffer.append(utf8: titles[index])
                buffer.appendAuction(state.auctions[index])
                buffer.append(auctionLists[index].changedPosition)
            }
        }
        for index in state.auctions.indices where state.auctions[index].holder == .several {
            let auction = AuctionHandle(rawValue: UInt32(index))
            for hold in state.holds(on: auction) {
                try writer.record(.holds) { buffer in
                    buffer.append(auction.rawValue)
                    buffer.append(hold.user.rawValue)
                    buffer.append(hold.amount.minorUnits)
                }
            }
        }
    }
}

extension CommandIDWindow {
    /// Lends the ids in chunks to `emit`.
    func writeChunks(_ emit: @escaping (RawSpan) throws -> Void) throws {
        var writer = ChunkWriter(emit: emit)
        try forEachRun { run in
            try writer.record(.ids) { buffer in
                buffer.append(run.period)
                buffer.append(run.firstPosition)
                buffer.append(UInt32(run.slots.count))
                for slot in run.slots { buffer.append(slot) }
            }
        }
        try writer.flush()
    }
}

extension ByteBuffer {
    fileprivate mutating func appendName(_ name: String) {
        append(UInt8(name.utf8.count))
        append(utf8: name)
    }

    fileprivate mutating func appendAuction(_ record: AuctionRecord) {
        for money in [record.openingPrice, record.price, record.maximum, record.held] {
            append(money.minorUnits)
        }
        append(record.opensAt.nanoseconds)
        append(record.closesAt.nanoseconds)
        append(record.openedPosition)
        append(record.closedPosition)
        append(record.lastPosition)
        append(record.acceptedBids)
        append(record.rejectedBids)
        append(record.seller.rawValue)
        append(record.leader.rawValue)
        append(record.holder.rawValue)
        append(record.termsIndex)
        append(record.extrasIndex)
        append(record.currency.rawValue)
        append(record.phase.rawValue)
        append(record.outcome?.rawValue ?? 0)
    }
}

extension AuctionTerms {
    /// Terms stand in a snapshot as the rules of a lot that has them, with prices of 1.
    fileprivate var asRules: AuctionRules {
        AuctionRules(
            openingPrice: 1, terms: self,
            extras: AuctionExtras(reservePrice: .zero, buyNowPrice: 1, latestEnd: .noEnd))
    }
}
