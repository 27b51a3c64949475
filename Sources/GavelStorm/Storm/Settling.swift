// After every run: everything closes, and the ledger is checked in every way there is. A benchmark
// that loses a cent fails.
//
// Checked: every auction is closed; nothing is locked; per currency the wallets hold exactly what
// was charged less what was withdrawn (by the log's own events); reopening and rebuilding give the
// same digest; a full verification is clean and gives it too.

import Gavel
import GavelProgram
import Platform

/// The checks after a storm.
struct Settling {
    private let path: String
    private let clock = SystemClock()
    private(set) var figures = Figures()
    private(set) var digest = ""
    private(set) var events: [String: UInt64] = [:]

    init(path: String) { self.path = path }

    /// Closes the ledger and checks it.
    /// - Throws: `Failure` with `.finding` when something does not add up.
    mutating func check(_ ledger: Ledger) throws {
        let moved = try readLog(ledger)
        try checkWallets(ledger, moved)
        try checkAuctions(ledger)
        let (digest, entries) = (ledger.digest, ledger.reflects)
        ledger.closeAndWait()
        try checkOpening(digest)
        try checkRebuilding(digest, entries)
        try checkVerification(digest, entries)
        let bytes = try FileSystem.fileSize(path + "/log/data.mdb")
        figures.add("entries", entries)
        figures.add("log_bytes", bytes)
        figures.add("log_bytes_per_entry", bytes / max(1, Int(entries)))
        figures.add("peak_memory_bytes", Machine.peakBytes)
        self.digest = digest.description
    }

    private func checkWallets(_ ledger: Ledger, _ moved: [CurrencyCode: Int64]) throws {
        var progress = Progress("adding up")
        defer { progress.clear() }
        var cursor: String?
        var held: [CurrencyCode: Int64] = [:]
        var users: UInt64 = 0
        repeat {
            let page = try ledger.wallets(after: cursor, limit: pageItemsMax)
            for wallet in page.items {
                for balance in wallet.balances {
                    guard balance.locked == .zero else {
                        throw Failure(
                            .finding,
                            "\(wallet.user) has \(balance.locked.minorUnits) locked after all "
                                + "auctions have closed")
                    }
                    held[balance.currency.code, default: 0] += balance.available.minorUnits
                }
            }
            users += UInt64(page.items.count)
            progress.show(users, of: users + 1)
            cursor = page.cursor
        } while cursor != nil
        for currency in Set(held.keys).union(moved.keys) {
            let (sum, came) = (held[currency, default: 0], moved[currency, default: 0])
            if sum != came {
                throw Failure(.finding, "wallets hold \(sum) \(currency), but \(came) came in")
            }
        }
    }

    /// Counts the log's events.
    /// - Returns: what was charged less what was withdrawn, by currency.
    private mutating func readLog(_ ledger: Ledger) throws -> [CurrencyCode: Int64] {
        var progress = Progress("reading the log")
        defer { progress.clear() }
        var moved: [CurrencyCode: Int64] = [:]
        var position: UInt64 = 0
        let end = ledger.reflects
        while position < end {
            let run = try ledger.entries(from: position, limit: 10_000)
            guard !run.isEmpty else {
                throw Failure(.finding, "entry \(position) of \(end) is not in the log")
            }
            for event in run.lazy.flatMap(\.outcome.events) {
                events[event.name, default: 0] += 1
                for movement in event.movements {
                    guard case .payment(let currency) = movement.subject else { continue }
                    let code = ledger.reading.currency(of: currency).code
                    moved[code, default: 0] += movement.availableChange.minorUnits
                }
            }
            position += UInt64(run.count)
            progress.show(position, of: end)
        }
        return moved
    }

    private func checkAuctions(_ ledger: Ledger) throws {
        for status in [PublicAuction.Status.open, .scheduled] {
            var filter = AuctionFilter()
            filter.status = status
            let page = try ledger.auctions(filter, limit: 1)
            if let auction = page.items.first {
                throw Failure(.finding, "\(auction.auction) is still \(status.rawValue)")
            }
        }
    }

    private mutating func checkOpening(_ digest: StateDigest) throws {
        let start = clock.uptimeNanoseconds()
        let reopened = try Ledger.openAndWait(at: path)
        figures.add("open_ns", clock.uptimeNanoseconds() - start)
        let isSame = reopened.digest == digest
        reopened.closeAndWait()
        guard isSame else {
            throw Failure(.finding, "reopening gives another digest than \(digest)")
        }
    }

    private mutating func checkRebuilding(_ digest: StateDigest, _ entries: UInt64) throws {
        let start = clock.uptimeNanoseconds()
        let count = try Ledger.rebuild(at: path)
        let elapsed = clock.uptimeNanoseconds() - start
        figures.add("rebuild_entries_per_second", perSecond(count, elapsed))
        let reader = try LedgerReader.openAndWait(at: path)
        defer { reader.close() }
        guard reader.digest == digest, count >= entries else {
            throw Failure(
                .finding, "rebuilding gives digest \(reader.digest), not \(digest)")
        }
    }

    private mutating func checkVerification(_ digest: StateDigest, _ entries: UInt64) throws {
        let start = clock.uptimeNanoseconds()
        let report = try verifyLedger(at: path)
        let elapsed = clock.uptimeNanoseconds() - start
        figures.add("verify_entries_per_second", perSecond(report.entries, elapsed))
        guard report.isClean, report.digest == digest, report.entries >= entries else {
            let what = report.findings.map(\.description).joined(separator: "; ")
            throw Failure(
                .finding,
                "the ledger is not clean: "
                    + (what.isEmpty
                        ? "verification gives digest \(report.digest?.description ?? "none")"
                        : what))
        }
    }
}

/// So many of something in so much time.
package func perSecond(_ count: some BinaryInteger, _ nanoseconds: Int64) -> Int64 {
    Int64(Double(Int64(clamping: count)) * 1_000_000_000 / Double(max(1, nanoseconds)))
}
