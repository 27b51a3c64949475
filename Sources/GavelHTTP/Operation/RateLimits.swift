// How much a caller may ask for: token buckets by name, in a table that does not grow.
//
// Invariants: a bucket holds at most a burst and fills at its rate; the table holds at most
// `bucketsMax` names: when it is full the buckets that are full again are dropped, which changes no
// answer, and where that is not enough the rest is dropped too, in the callers' favour.

internal import AuctionDomain
internal import Dispatch
internal import NIOCore
internal import Synchronization

/// Token buckets, one for each name.
final class RateLimit<Name: Hashable & Sendable>: Sendable {
    private struct Bucket {
        var tokens: Double
        /// When `tokens` was true, by the machine's uptime in seconds.
        var time: Double
    }

    private let rate: Double
    private let burst: Double
    private let bucketsMax: Int
    private let buckets = Mutex<[Name: Bucket]>([:])
    /// How many buckets there are, to be asked without the lock.
    private let count = Atomic<Int>(0)
    private let now: @Sendable () -> Double
    private let refused = RefusalCount()

    /// - Parameters:
    ///   - rate: tokens a second; 0 sets no limit.
    ///   - burst: the most that can be taken at once.
    init(
        rate: Double, burst: Double, bucketsMax: Int = 100_000,
        now: @escaping @Sendable () -> Double = {
            Double(DispatchTime.now().uptimeNanoseconds) / 1e9
        }
    ) {
        self.rate = rate
        self.burst = max(1, burst)
        self.bucketsMax = bucketsMax
        self.now = now
    }

    /// Whether there is a limit at all.
    var isLimiting: Bool { rate > 0 }
    /// Whether nobody has taken a token for a long time.
    var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }
    /// How often the limit said no.
    var refusedCount: Int { refused.count }

    /// Takes a token.
    /// - Throws: `rateLimited`, with the seconds until there is one, where there is none.
    func check(_ name: Name) throws(Problem) {
        guard take(name) else { throw problem(name) }
    }

    /// Throws as `check` does, but takes nothing.
    func checkOnly(_ name: Name) throws(Problem) {
        if secondsUntilFree(name) != nil { throw problem(name) }
    }

    /// What a caller is told who was given no token.
    func problem(_ name: Name, _ kind: ProblemKind = .rateLimited) -> Problem {
        refused.add()
        var problem = Problem(kind)
        problem.retryAfter = secondsUntilFree(name) ?? 1
        return problem
    }

    /// Takes a token.
    /// - Returns: whether there was one.
    @discardableResult
    func take(_ name: Name) -> Bool {
        guard rate > 0 else { return true }
        let now = now()
        return buckets.withLock { buckets -> Bool in
            let tokens = self.tokens(of: name, now, in: buckets)
            if buckets.count >= bucketsMax, buckets[name] == nil { drop(&buckets, now) }
            buckets[name] = Bucket(tokens: tokens < 1 ? tokens : tokens - 1, time: now)
            count.store(buckets.count, ordering: .relaxed)
            return tokens >= 1
        }
    }

    /// Gives back a token that turned out not to be needed.
    func giveBack(_ name: Name) {
        guard rate > 0 else { return }
        let now = now()
        buckets.withLock { buckets in
            // Without a bucket the name has its whole burst.
            guard buckets[name] != nil else { return }
            let tokens = min(burst, self.tokens(of: name, now, in: buckets) + 1)
            buckets[name] = Bucket(tokens: tokens, time: now)
        }
    }

    /// How long until a token can be taken, in whole seconds; nil when there is one.
    func secondsUntilFree(_ name: Name) -> Int? {
        guard rate > 0 else { return nil }
        let now = now()
        let tokens = buckets.withLock { self.tokens(of: name, now, in: $0) }
        return tokens >= 1 ? nil : Int(((1 - tokens) / rate).rounded(.up))
    }

    private func tokens(of name: Name, _ now: Double, in buckets: [Name: Bucket]) -> Double {
        guard let bucket = buckets[name] else { return burst }
        return min(burst, bucket.tokens + (now - bucket.time) * rate)
    }

    private func drop(_ buckets: inout [Name: Bucket], _ now: Double) {
        buckets = buckets.filter { $0.value.tokens + (now - $0.value.time) * rate < burst }
        if buckets.count >= bucketsMax { buckets.removeAll(keepingCapacity: true) }
    }
}
