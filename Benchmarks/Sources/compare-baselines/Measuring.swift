// What is counted, and how: bids whose answer came within a window of time.
//
// Invariant: a bid counts when its answer came after the warm-up and before the end, whenever it
// was sent: so neither slow nor batched answers are cut off at one side only.

import Dispatch
import Foundation
import Synchronization

/// Nanoseconds on a clock that nobody sets.
func nanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

/// The time that is measured, after a warm-up.
struct Window: Sendable {
    let start: UInt64
    let end: UInt64

    /// - Parameter seconds: of measuring; a fifth as much goes before it.
    init(seconds: Double) {
        start = nanoseconds() + UInt64(seconds * 0.2 * 1e9)
        end = start + UInt64(seconds * 1e9)
    }

    var isOver: Bool { nanoseconds() >= end }
    var seconds: Double { Double(end - start) / 1e9 }
}

/// One client's counts.
struct Tally: Sendable {
    /// Bids taken over the whole run, for the checks at its end.
    var accepted: Int64 = 0
    /// Bids that came too late for their price, over the whole run.
    var rejected: Int64 = 0
    /// Bids taken within the window.
    var counted: Int64 = 0
    /// From sending to the durable answer, in nanoseconds, of each request within the window.
    var latencies: [UInt64] = []

    /// Takes note of the answer to a request.
    mutating func answer(_ bids: Int, rejected: Int = 0, sentAt start: UInt64, in window: Window) {
        let end = nanoseconds()
        accepted += Int64(bids)
        self.rejected += Int64(rejected)
        guard end > window.start, end <= window.end else { return }
        counted += Int64(bids)
        latencies.append(end - start)
    }

    /// The counts of several clients as one.
    static func sum(_ tallies: [Tally]) -> Tally {
        tallies.reduce(into: Tally()) { sum, tally in
            sum.accepted += tally.accepted
            sum.rejected += tally.rejected
            sum.counted += tally.counted
            sum.latencies += tally.latencies
        }
    }
}

/// Something found wrong after a run, or on the way to one.
struct Failure: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

/// How a peer is asked.
struct Load: Sendable {
    /// How many wait for an answer at once.
    var clients: Int
    /// How many bids one durable commit, or one call, takes.
    var batch: Int
    /// How many calls a client has under way at once; only Gavel's tickets allow more than one.
    var depth: Int
    /// How long is measured.
    var seconds: Double
}

/// Runs a body for each client on a thread of its own, which may block.
/// - Throws: the first error of a body, after all have ended.
func withClientThreads(
    _ count: Int, _ body: @escaping @Sendable (_ client: Int) throws -> Tally
) throws -> Tally {
    let results = ClientResults()
    let group = DispatchGroup()
    for client in 0..<count {
        group.enter()
        let thread = Thread {
            results.add(Result { try body(client) })
            group.leave()
        }
        thread.stackSize = 512 * 1024
        thread.start()
    }
    group.wait()
    return Tally.sum(try results.all())
}

/// Where client threads leave what they counted.
private final class ClientResults: Sendable {
    private let results = Mutex<[Result<Tally, any Error>]>([])

    func add(_ result: Result<Tally, any Error>) { results.withLock { $0.append(result) } }
    func all() throws -> [Tally] { try results.withLock { try $0.map { try $0.get() } } }
}
