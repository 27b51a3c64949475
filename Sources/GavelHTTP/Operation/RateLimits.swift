// How much a caller may ask for: token buckets by name, in a table that does not grow.
//
// Invariants: a bucket holds at most a burst and fills at its rate; the table holds at most
// `bucketsMax` names: when it is full the buckets that are full again are dropped, which changes no
// answer, and where that is not enough the rest is dropped too, in the callers' favour.

internal import AuctionDomain
internal import Dispatch
internal import Synchronization

/// Token buckets, one for each name.
final class RateLimit: Sendable {
    private struct Bucket {
        var tokens: Double
        /// When `tokens` was true, by the machine's uptime in seconds.
        var time: Double
    }

    private let rate: Double
    private let burst: Double
    private let bucketsMax: Int
    private let buckets = Mutex<[String: Bucket]>([:])
    private let now: @Sendable () -> Double

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

    /// Takes a token.
    /// - Returns: whether there was one.
    @discardableResult
    func take(_ name: String) -> Bool {
        guard rate > 0 else { return true }
        let now = now()
        return buckets.withLock { buckets -> Bool in
            let tokens = self.tokens(of: name, now, in: buckets)
            if buckets.count >= bucketsMax, buckets[name] == nil { drop(&buckets, now) }
            buckets[name] = Bucket(tokens: tokens < 1 ? tokens : tokens - 1, time: now)
            return tokens >= 1
        }
    }

    /// How long until a token can be taken, in whole seconds; nil when there is one.
    func secondsUntilFree(_ name: String) -> Int? {
        guard rate > 0 else { return nil }
        let now = now()
        let tokens = buckets.withLock { self.tokens(of: name, now, in: $0) }
        return tokens >= 1 ? nil : Int(((1 - tokens) / rate).rounded(.up))
    }

    private func tokens(of name: String, _ now: Double, in buckets: [String: Bucket]) -> Double {
        guard let bucket = buckets[name] else { return burst }
        return min(burst, bucket.tokens + (now - bucket.time) * rate)
    }

    private func drop(_ buckets: inout [String: Bucket], _ now: Double) {
        buckets = buckets.filter { $0.value.tokens + (now - $0.value.time) * rate < burst }
        if buckets.count >= bucketsMax { buckets.removeAll(keepingCapacity: true) }
    }
}

/// All limits of a service.
struct Limits: Sendable {
    /// Calls by signed-in user.
    let users: RateLimit
    /// Calls by address, of those who are not signed in.
    let addresses: RateLimit
    /// Rejections a user may cause.
    let rejections: RateLimit
    /// Passwords tried by user name, in lower case.
    let signInsByName: RateLimit
    /// Passwords tried by address.
    let signInsByAddress: RateLimit

    init(_ options: ServiceOptions) {
        users = RateLimit(rate: options.callsPerSecondByUser, burst: options.callsBurst)
        addresses = RateLimit(rate: options.callsPerSecondByAddress, burst: options.callsBurst)
        rejections = RateLimit(
            rate: options.rejectionsPerMinute / 60, burst: options.rejectionsPerMinute)
        signInsByName = RateLimit(
            rate: options.signInsPerHourByUser / 3600, burst: options.signInsPerHourByUser)
        signInsByAddress = RateLimit(
            rate: options.signInsPerHourByAddress / 3600, burst: options.signInsPerHourByAddress)
    }

    /// Counts a try of a password.
    /// - Throws: `rateLimited`.
    func checkSignIn(_ name: String?, peer: String) throws(Problem) {
        for (limit, key) in [(signInsByAddress, peer), (signInsByName, name)] {
            guard let key, !limit.take(key) else { continue }
            var problem = Problem(.rateLimited, "too many passwords were tried")
            problem.retryAfter = limit.secondsUntilFree(key)
            throw problem
        }
    }

    /// - Throws: `rateLimited`.
    func check(_ caller: Caller?, peer: String) throws(Problem) {
        let (limit, name) = caller.map { (users, $0.user.string) } ?? (addresses, peer)
        guard limit.take(name) else {
            var problem = Problem(.rateLimited)
            problem.retryAfter = limit.secondsUntilFree(name)
            throw problem
        }
    }
}
