// R1: recorded histories, through the same door as `gavel import`: with their own times, no clock,
// as fast as it goes. The same history gives the same digest, run after run.

import Gavel
import GavelProgram
import GavelReport

extension StormRun {
    mutating func runHistory() throws {
        let files = try options.history.map { try InputFile(path: $0) }
        let digest = try ContentDigest(of: files)
        let building = try LedgerImport(to: ledgerPath, fingerprint: digest.digest)
        var history = HistoryReader(files, hashedTo: digest, now: clock.now())
        let (start, cpu) = (clock.uptimeNanoseconds(), Machine.cpuNanoseconds)
        do {
            while let line = try history.next() {
                try building.add(line.submission, at: line.time)
            }
            try building.finish()
        } catch let stopped as LedgerImport.Stopped {
            building.abandon()
            throw history.place(ofLine: stopped.index).stop(stopped.refusal.sentence)
        }
        let elapsed = clock.uptimeNanoseconds() - start
        var pass = PassReport(
            name: "history", what: "lines read, judged and stored", path: "import", loop: .closed)
        pass.figures.add("sent", history.lineCount)
        pass.figures.add("accepted", building.accepted)
        pass.figures.add("rejected", building.rejected)
        pass.figures.add("elapsed_ns", elapsed)
        pass.figures.add("receipts_per_second", perSecond(history.lineCount, elapsed))
        pass.figures.add("accepted_per_second", perSecond(building.accepted, elapsed))
        pass.figures.add("rejected_per_second", perSecond(building.rejected, elapsed))
        pass.figures.add(
            "cpu_percent",
            (Machine.cpuNanoseconds - cpu) * 100 / (elapsed * Int64(Machine.cores)))
        pass.figures.add("memory_bytes", Machine.anonymousBytes)
        let reader = try LedgerReader.openAndWait(at: ledgerPath)
        pass.positions = 0..<reader.reflects
        fact("history", "digest \(reader.digest) after its last line")
        reader.close()
        add(pass)
    }

    /// Ends what the history left open, and checks the ledger.
    mutating func finishHistory() async throws {
        var world = try StormWorld(at: ledgerPath, cast: cast, beside: false)
        var commands = try stillOpen(world.ledger).map { Command.closeAuction($0, hammer: true) }
        var filter = AuctionFilter()
        filter.status = .scheduled
        var cursor: String?
        repeat {
            let page = try world.ledger.auctions(filter, after: cursor, limit: pageItemsMax)
            commands += page.items.map {
                .cancelAuction($0.auction, reason: "end of the benchmark")
            }
            cursor = page.cursor
        } while cursor != nil
        try world.submit(commands)
        try await settle(world)
    }
}
