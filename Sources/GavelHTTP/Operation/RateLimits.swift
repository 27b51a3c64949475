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

    /// Takes a token.
    /// - Throws: `rateLimited`, with the seconds until there is one, where there is none.
    func check(_ name: Name) throws(Problem) {
        guard take(name) else { throw problem(name) }
    }

    /// Throws as `check` does, but takes nothing.
    func checkOnly(_ name: Name) throws(Problem) {
        if secondsUntilFree(name) != nil { throw problem(name) }
    }

    private func problem(_ name: Name) -> Problem {
        var problem = Problem(.rateLimited)
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

/// All limits of a service.
struct Limits: Sendable {
    /// Calls by signed-in user.
    let users: RateLimit<String>
    /// Calls by address, of those who are not signed in.
    let addresses: RateLimit<PeerAddress>
    /// Tokens by address that were not valid.
    let failures: RateLimit<PeerAddress>
    /// Rejections a user may cause.
    let rejections: RateLimit<String>
    /// Passwords tried by user name, in lower case.
    let signInsByName: RateLimit<String>
    /// Passwords tried by address.
    let signInsByAddress: RateLimit<PeerAddress>

    init(_ options: ServiceOptions) {
        users = RateLimit(rate: options.callsPerSecondByUser, burst: options.callsBurst)
        addresses = RateLimit(rate: options.callsPerSecondByAddress, burst: options.callsBurst)
        failures = RateLimit(rate: options.callsPerSecondByAddress, burst: options.callsBurst)
        rejections = RateLimit(
            rate: options.rejectionsPerMinute / 60, burst: options.rejectionsPerMinute)
        signInsByName = RateLimit(
            rate: options.signInsPerHourByUser / 3600, burst: options.signInsPerHourByUser)
        signInsByAddress = RateLimit(
            rate: options.signInsPerHourByAddress / 3600, burst: options.signInsPerHourByAddress)
    }

    /// Counts a try of a password.
    /// - Throws: `rateLimited`.
    func checkSignIn(_ name: String?, peer: PeerAddress) throws(Problem) {
        try signInsByAddress.check(peer)
        if let name { try signInsByName.check(name) }
    }
}

/// Where calls come from, as far as limits tell callers apart: an address of version 4, or the
/// network of 64 bits that whoever has an address of version 6 has all of.
enum PeerAddress: Hashable, Sendable {
    case v4(UInt32)
    case v6(UInt64)
    /// Not from a network.
    case local

    init(_ address: SocketAddress?) {
        self = address?.ipAddress.flatMap { Self(printed: $0) } ?? .local
    }

    /// - Returns: nil where the text is no address.
    init?(_ text: String) {
        guard text.utf8.count <= 45, let address = try? SocketAddress(ipAddress: text, port: 0)
        else { return nil }
        self.init(address)
    }

    /// Reads an address as the system prints it.
    private init?(printed text: String) {
        let text = text.prefix { $0 != "%" }
        if text.utf8.contains(UInt8(ascii: ".")) {
            // ::ffff:192.0.2.1 is an address of version 4 too.
            let parts = (text.split(separator: ":").last ?? "").split(separator: ".")
            guard parts.count == 4 else { return nil }
            self = .v4(parts.reduce(0) { $0 << 8 | (UInt32($1) ?? 0) })
            return
        }
        // Only `::` may stand for groups of zeros, and only once.
        var groups: [Substring] = text.split(separator: ":", omittingEmptySubsequences: false)
        if let gap = groups.firstIndex(of: "") {
            let given = groups.filter { !$0.isEmpty }.count
            groups =
                groups[..<gap] + Array(repeating: "0", count: 8 - given)
                + groups[gap...].filter { !$0.isEmpty }
        }
        self = .v6(groups.prefix(4).reduce(0) { $0 << 16 | (UInt64($1, radix: 16) ?? 0) })
    }
}
