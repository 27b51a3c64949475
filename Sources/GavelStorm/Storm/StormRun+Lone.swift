// A lone bid against the least it can cost: one raw LMDB commit of as many bytes, on the same disk,
// in turns, so that whatever the machine does meanwhile meets all of them alike.

import Gavel
import GavelProgram
import Platform

extension StormRun {
    /// Bytes of a frame with one take-over: header, one offset, one entry.
    private static let frameBytes = 120 + 4 + RawYardstick.entryBytes

    mutating func loneBids(
        _ world: StormWorld, _ maker: inout SubmissionMaker, _ source: inout TakeoverSource
    ) async throws {
        let raw = try RawYardstick(in: base)
        let value = [UInt8](repeating: 7, count: Self.frameBytes)
        var floor = LatencyDigest()
        var (blocking, suspending) = (LatencyDigest(), LatencyDigest())
        var progress = Progress("lone bids")
        defer { progress.clear() }
        for round in 0..<options.lone {
            floor.record(try timed { try withBytes(of: value) { try raw.commit($0) } })
            let first = bid(&maker, &source)
            blocking.record(
                try timed { try StormWorld.expectAccepted(try world.ledger.enqueue([first])) })
            let second = bid(&maker, &source)
            let start = clock.uptimeNanoseconds()
            let receipt = try await world.ledger.submit(second.command, id: second.id)
            suspending.record(clock.uptimeNanoseconds() - start)
            guard receipt.status == .accepted else {
                throw Failure(.finding, "a lone bid was not accepted: \(receipt)")
            }
            progress.show(UInt64(round), of: UInt64(options.lone))
        }
        addLone("raw-commit", "LMDB alone, as many bytes", "lmdb", floor, floor)
        addLone("lone-batch", "one bid at a time, blocking", "batch", blocking, floor)
        addLone("lone-async", "one bid at a time, async", "async", suspending, floor)
    }

    private func timed(_ body: () throws -> Void) rethrows -> Int64 {
        let start = clock.uptimeNanoseconds()
        try body()
        return clock.uptimeNanoseconds() - start
    }

    /// The next honest bid.
    private func bid(
        _ maker: inout SubmissionMaker, _ source: inout TakeoverSource
    ) -> Submission {
        var planned = source.next()
        while planned.kind != .bid { planned = source.next() }
        return maker.submission(
            planned, at: UInt64(clock.now().nanoseconds / 1_000_000)
        ).0
    }

    private mutating func addLone(
        _ name: String, _ what: String, _ path: String, _ times: LatencyDigest,
        _ floor: LatencyDigest
    ) {
        var pass = PassReport(name: name, what: what, path: path, loop: .lone)
        pass.figures.add("sent", options.lone)
        pass.figures.add("latency", times.quantiles)
        if let time = times.quantiles?.p50, let least = floor.quantiles?.p50, path != "lmdb" {
            pass.figures.add("raw_commit_percent", time * 100 / max(1, least))
        }
        add(pass)
    }
}
