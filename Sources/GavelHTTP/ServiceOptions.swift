// What whoever runs the service can choose, with the reason for each default.

/// How the service is run.
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
    /// Whether users may charge their own wallets: for development only, money out of nothing.
    public var allowsSelfCharge = false

    public init() {}
}
