// What whoever runs the service can choose, with the reason for each default.

package import Gavel

/// How the service is run. Opening checks every number and throws `LedgerError` with
/// `invalidConfiguration` for one outside of its range.
public struct ServiceOptions: Sendable {
    /// The address to listen at; TLS is a proxy's task, so by default only this machine's.
    public var host = "127.0.0.1"
    /// 0 takes any free port.
    public var port = 8080
    /// Where health and metrics are asked for: apart, so that they never meet the public.
    public var operationsHost = "127.0.0.1"
    /// 0 takes any free port.
    public var operationsPort = 8081
    /// The longest body. The longest command that makes sense has about 8 KiB.
    public var bodyBytesMax = 65_536
    /// The most connections at once; more wait in the kernel's queue. One that idles takes about
    /// 15 KiB.
    public var connectionsMax = 20_000
    /// The most connections of one address, so that none takes them all: many people may share
    /// one. Behind a trusted proxy the most calls under way of one address that it names. 0 for no
    /// limit.
    public var connectionsByAddress = 2_000
    /// How many connections may wait in the kernel's queue; it has a limit of its own (somaxconn).
    public var backlog = 1024
    /// How long a connection may idle between two requests.
    public var idleTime = Duration.seconds(60)
    /// How long a client may take for a request's head, from its first byte, and for its body. An
    /// honest one needs milliseconds, and some seconds on a bad line.
    public var headTime = Duration.seconds(10)
    public var bodyTime = Duration.seconds(30)
    /// From when on a call is logged as slow. A commit takes milliseconds.
    public var slowRequest = Duration.seconds(1)
    /// How long a read waits for the position it must reflect.
    public var positionWait = Duration.seconds(2)
    /// Whether the last address in X-Forwarded-For is believed: only behind a proxy that sets it.
    public var trustsForwardedFor = false
    /// Calls a second of one signed-in user, and of one address that is not signed in; 0 for no
    /// limit.
    public var callsPerSecondByUser = 100.0
    public var callsPerSecondByAddress = 20.0
    /// The most calls at once before the rate counts.
    public var callsBurst = 200.0
    /// Rejections a minute that one user may cause; each is an entry of the log for ever.
    public var rejectionsPerMinute = 60.0
    /// Accepted commands that cost their user nothing, a minute, after as many at once; each is an
    /// entry of the log for ever. Auctions opened, and as many closes; bids that raise by the least
    /// there can be, or only the own maximum; withdrawals. What operators and the payment provider
    /// do is not counted. 0 for no limit.
    public var openingsPerMinute = 60.0
    public var raisesPerMinute = 120.0
    public var withdrawalsPerMinute = 30.0
    /// Accounts that may be made from one address in an hour, after as many at once; 0 for no
    /// limit.
    public var signUpsPerHourByAddress = 60.0
    /// Whether users may charge their own wallets: for development only, money out of nothing.
    public var allowsSelfCharge = false
    /// How access tokens are signed. Those who verify them elsewhere need only the public keys,
    /// except under HS256, where who can verify can sign.
    public var tokenAlgorithm = TokenAlgorithm.edDSA
    /// After how many days another key signs access tokens.
    public var tokenKeyDays = 30
    /// How many verified access tokens are remembered until they expire; 0 verifies each each
    /// time. About 1 KiB each.
    public var tokensRememberedMax = 10_000
    /// The cost of a password's hash as a power of two: 15 is what OWASP asks for with scrypt,
    /// r = 8, p = 3: 32 MiB and a third of a second of one core for each sign-in.
    public var passwordCostLog2 = 15
    /// How often an hour a password may be tried, after as many tries at once; 0 for no limit.
    /// Wrong ones for one name from one address, and of one user who is signed in; all from one
    /// address, sign-ups with them; wrong ones for one name from all addresses that its owner has
    /// not come from.
    public var signInsPerHourByUser = 30.0
    public var signInsPerHourByAddress = 300.0
    public var signInsPerHourByName = 100.0

    /// Streams of events in all, of one signed-in user, and of one address that is not signed in:
    /// many people may share one.
    public var liveListenersMax = 20_000
    public var liveListenersByUser = 50
    public var liveListenersByAddress = 1_000
    /// How long a stream may be silent before a comment shows that it lives; proxies often cut
    /// what is silent for 30 s.
    public var liveHeartbeat = Duration.seconds(15)
    /// Whether a stream ends when its client's connection does. Calls that come from no
    /// connection, as those of tests that ask the router itself, cannot be watched.
    package var watchesConnections = true

    public init() {}
}

extension ServiceOptions {
    /// What its numbers must be.
    static let rules: [NumberRule<ServiceOptions>] =
        [
            NumberRule("port", \.port, in: 0...65_535),
            NumberRule("operationsPort", \.operationsPort, in: 0...65_535),
            NumberRule("bodyBytesMax", \.bodyBytesMax, in: 1...1 << 30),
            NumberRule("connectionsMax", \.connectionsMax, in: 1...1_000_000),
            NumberRule("connectionsByAddress", \.connectionsByAddress, in: 0...1_000_000),
            NumberRule("backlog", \.backlog, in: 1...65_535),
            NumberRule("idleTime", \.idleTime, in: .milliseconds(1)...day),
            NumberRule("headTime", \.headTime, in: .milliseconds(1)...day),
            NumberRule("bodyTime", \.bodyTime, in: .milliseconds(1)...day),
            NumberRule("slowRequest", \.slowRequest, in: .zero...day),
            NumberRule("positionWait", \.positionWait, in: .zero...day),
            NumberRule("callsBurst", \.callsBurst, in: 1...rateMax),
            NumberRule("tokenKeyDays", \.tokenKeyDays, in: 1...3650),
            NumberRule("tokensRememberedMax", \.tokensRememberedMax, in: 0...10_000_000),
            NumberRule("passwordCostLog2", \.passwordCostLog2, in: PasswordHash.costs),
            NumberRule("liveListenersMax", \.liveListenersMax, in: 0...Int.max),
            NumberRule("liveListenersByUser", \.liveListenersByUser, in: 0...Int.max),
            NumberRule("liveListenersByAddress", \.liveListenersByAddress, in: 0...Int.max),
            NumberRule("liveHeartbeat", \.liveHeartbeat, in: .milliseconds(1)...day),
        ]
        + [
            ("callsPerSecondByUser", \.callsPerSecondByUser),
            ("callsPerSecondByAddress", \.callsPerSecondByAddress),
            ("rejectionsPerMinute", \.rejectionsPerMinute),
            ("openingsPerMinute", \.openingsPerMinute),
            ("raisesPerMinute", \.raisesPerMinute),
            ("withdrawalsPerMinute", \.withdrawalsPerMinute),
            ("signUpsPerHourByAddress", \.signUpsPerHourByAddress),
            ("signInsPerHourByUser", \.signInsPerHourByUser),
            ("signInsPerHourByAddress", \.signInsPerHourByAddress),
            ("signInsPerHourByName", \.signInsPerHourByName),
        ].map { name, field in NumberRule(name, field, in: 0...rateMax) }

    private static let day = Duration.seconds(86_400)
    private static let rateMax = 1_000_000.0

    /// Checks every number.
    /// - Throws: `LedgerError` with `invalidConfiguration`.
    package func check() throws(LedgerError) {
        for rule in Self.rules { try rule.check(self) }
    }
}

/// How access tokens are signed (RFC 7518, RFC 8037).
public enum TokenAlgorithm: String, Sendable, CaseIterable, Codable {
    /// Ed25519.
    case edDSA = "EdDSA"
    /// ECDSA on P-256 with SHA-256.
    case es256 = "ES256"
    /// HMAC with SHA-256: no public keys.
    case hs256 = "HS256"
}
