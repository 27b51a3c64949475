// What whoever runs the service can choose: one table from which flags, help, environment
// variables, checks, `--print-config` and the documentation's list come.
//
// Invariants: a flag wins over an environment variable, that over the default; the defaults stand
// in the options themselves and nowhere else; a value that does not fit is an error that names the
// setting, what was found and what was expected.

import ArgumentParser
import Gavel
import GavelHTTP
import GavelProgram

/// Everything that was chosen.
struct Settings: Sendable {
    /// The ledger's folder; empty when not given.
    var ledger = ""
    var service = ServiceOptions()
    var engine = Gavel.Configuration()
    /// How long calls under way may take to end after the service was told to.
    var drainSeconds = 10.0
    var logLevel = "info"

    init() {}
}

/// One thing that can be chosen.
struct Setting: Sendable {
    /// What values there are, and where they go.
    enum Kind: Sendable {
        case text(Place<String>)
        /// Empty for none.
        case optionalText(Place<String?>)
        case word(Place<String>, [String])
        case integer(Place<Int>, ClosedRange<Int>)
        case number(Place<Double>, ClosedRange<Double>)
        case flag(Place<Bool>)
    }

    typealias Place<Value> = any WritableKeyPath<Settings, Value> & Sendable

    /// As on the command line, without the dashes.
    let name: String
    let kind: Kind
    let help: String

    init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }

    var flag: String { "--\(name)" }
    /// The flag that chooses a value: a switch is turned off by another.
    func flag(of text: String) -> String {
        if case .flag = kind, text == "false" { return "--no-\(name)" }
        return flag
    }
    /// The environment variable.
    var variable: String {
        "GAVEL_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    /// The value in words.
    func value(in settings: Settings) -> String {
        switch kind {
        case .text(let place), .word(let place, _): settings[keyPath: place]
        case .optionalText(let place): settings[keyPath: place] ?? ""
        case .integer(let place, _): String(settings[keyPath: place])
        case .number(let place, _): Self.text(settings[keyPath: place])
        case .flag(let place): String(settings[keyPath: place])
        }
    }

    /// What a value may be, in words.
    var expected: String {
        switch kind {
        case .text: "text that is not empty"
        case .optionalText: "text"
        case .word(_, let words): words.joined(separator: ", ")
        case .integer(_, let range):
            range.upperBound == .max
                ? "a whole number from \(range.lowerBound)"
                : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(_, let range):
            "a number from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        case .flag: "true or false"
        }
    }

    /// Takes a value.
    /// - Returns: false where it is none.
    func set(_ text: String, in settings: inout Settings) -> Bool {
        switch kind {
        case .text(let place):
            guard !text.isEmpty else { return false }
            settings[keyPath: place] = text
        case .optionalText(let place):
            settings[keyPath: place] = text.isEmpty ? nil : text
        case .word(let place, let words):
            guard words.contains(text) else { return false }
            settings[keyPath: place] = text
        case .integer(let place, let range):
            guard let number = Int(text), range.contains(number) else { return false }
            settings[keyPath: place] = number
        case .number(let place, let range):
            guard let number = Double(text), range.contains(number) else { return false }
            settings[keyPath: place] = number
        case .flag(let place):
            guard let value = Bool(text) else { return false }
            settings[keyPath: place] = value
        }
        return true
    }

    private static func text(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }
}

extension Setting {
    /// All settings, in the order of the help.
    static let all: [Setting] = [
        Setting("ledger", .text(\.ledger), "The ledger's folder."),
        Setting("host", .text(\.service.host), "The address to listen at."),
        Setting(
            "port", .integer(\.service.port, in: 0...65_535),
            "The port to listen at; 0 takes a free one."),
        Setting(
            "operations-host", .text(\.service.operationsHost),
            "The address of the operations listener."),
        Setting(
            "operations-port", .integer(\.service.operationsPort, in: 0...65_535),
            "The port of /live, /ready and /metrics; 0 takes a free one."),
        Setting(
            "hold-closings", .flag(\.engine.holdsClosings),
            "Closes nothing and refuses bids until closings are confirmed: after an outage."),
        Setting(
            "create-ledger", .flag(\.engine.createsIfMissing),
            "Makes a ledger where there is none."),
        Setting(
            "new-key", .flag(\.engine.replacesLostKey),
            "Goes on with another key where the ledger's is lost: for one start."),
        Setting(
            "queue-commands", .integer(\.engine.queueCommandsMax, in: 1...(1 << 24)),
            "Commands that may wait; more are refused as queue_full."),
        Setting(
            "command-id-seconds",
            .integer(\.engine.commandIDRetentionSeconds, in: 1...31_536_000),
            "How long an Idempotency-Key can be used again."),
        Setting(
            "command-ids", .integer(\.engine.commandIDsMax, in: 1024...(1 << 32)),
            "How many Idempotency-Keys are remembered at most, 16 bytes each."),
        Setting(
            "free-bytes", .integer(\.engine.freeBytesMin, in: Gavel.Configuration.freeBytesRange),
            "Free bytes below which bids are refused as storage_low."),
        Setting(
            "map-bytes", .integer(\.engine.mapBytes, in: Gavel.Configuration.mapBytesRange),
            "How long the log's file may get; what is left counts as free bytes."),
        Setting(
            "snapshot-entries", .integer(\.engine.snapshotIntervalEntries, in: 1000...(1 << 40)),
            "Entries between two snapshots; opening replays at most about as many."),
        Setting(
            "checkpoint-milliseconds",
            .integer(\.engine.checkpointIntervalMilliseconds, in: 1...86_400_000),
            "How long an entry waits for a signed checkpoint at most."),
        Setting(
            "checkpoint-copy", .optionalText(\.engine.checkpointCopyPath),
            "Where each checkpoint is written once more: best another machine's disk."),
        Setting(
            "connections", .integer(\.service.connectionsMax, in: 1...1_000_000),
            "Connections at once; more wait in the kernel's queue."),
        Setting(
            "address-connections", .integer(\.service.connectionsByAddress, in: 0...1_000_000),
            "Connections of one address, or behind a trusted proxy its calls under way; 0 sets no "
                + "limit."),
        Setting(
            "backlog", .integer(\.service.backlog, in: 1...65_535),
            "Connections that may wait in the kernel's queue."),
        Setting(
            "body-bytes", .integer(\.service.bodyBytesMax, in: 1024...(1 << 30)),
            "The longest body."),
        Setting(
            "idle-seconds", .number(\.service.idleSeconds, in: 0.1...86_400),
            "How long a connection may idle between two requests."),
        Setting(
            "head-seconds", .number(\.service.headSeconds, in: 0.1...3600),
            "How long a client may take for a request's head, from its first byte."),
        Setting(
            "body-seconds", .number(\.service.bodySeconds, in: 0.1...3600),
            "How long a client may take for a request's body."),
        Setting(
            "user-calls", .number(\.service.callsPerSecondByUser, in: 0...1_000_000),
            "Calls a second of one signed-in user; 0 sets no limit."),
        Setting(
            "address-calls", .number(\.service.callsPerSecondByAddress, in: 0...1_000_000),
            "Calls a second of one address without a token, or with bad ones; 0 sets no limit."),
        Setting(
            "calls-burst", .number(\.service.callsBurst, in: 1...1_000_000),
            "Calls at once before these rates count."),
        Setting(
            "rejections", .number(\.service.rejectionsPerMinute, in: 0...1_000_000),
            "Rejections a minute that one user may cause; 0 sets no limit."),
        Setting(
            "openings", .number(\.service.openingsPerMinute, in: 0...1_000_000),
            "Auctions a minute that one user may open, and closes; 0 sets no limit."),
        Setting(
            "raises", .number(\.service.raisesPerMinute, in: 0...1_000_000),
            "Bids a minute of one user that raise by the least, or the own maximum; 0 sets no "
                + "limit."),
        Setting(
            "withdrawals", .number(\.service.withdrawalsPerMinute, in: 0...1_000_000),
            "Withdrawals a minute of one user; 0 sets no limit."),
        Setting(
            "address-sign-ups", .number(\.service.signUpsPerHourByAddress, in: 0...1_000_000),
            "Accounts an hour that may be made from one address; 0 sets no limit."),
        Setting(
            "trust-forwarded-for", .flag(\.service.trustsForwardedFor),
            "Believes the last address in X-Forwarded-For: only behind a proxy that sets it."),
        Setting(
            "position-seconds", .number(\.service.positionSeconds, in: 0...60),
            "How long a read waits for the position it must reflect."),
        Setting(
            "allow-self-charge", .flag(\.service.allowsSelfCharge),
            "Lets users charge their own wallets: for development only, money out of nothing."),
        Setting(
            "token-algorithm",
            .word(\.service.tokenAlgorithmName, TokenAlgorithm.allCases.map(\.rawValue)),
            "How access tokens are signed: EdDSA, ES256, or HS256 without public keys."),
        Setting(
            "token-key-days", .integer(\.service.tokenKeyDays, in: 1...3650),
            "After how many days another key signs access tokens."),
        Setting(
            "token-cache", .integer(\.service.tokensRememberedMax, in: 0...10_000_000),
            "Verified access tokens that are remembered; 0 verifies each each time."),
        Setting(
            "password-cost", .integer(\.service.passwordCostLog2, in: 10...20),
            "The cost of a password's hash as a power of two; sign-ins take it up."),
        Setting(
            "user-sign-ins", .number(\.service.signInsPerHourByUser, in: 0...1_000_000),
            "Wrong passwords an hour for one name from one address, and of one signed-in user; 0 "
                + "sets no limit."),
        Setting(
            "name-sign-ins", .number(\.service.signInsPerHourByName, in: 0...1_000_000),
            "Wrong passwords an hour for one name from addresses its owner has not come from; 0 "
                + "sets no limit."),
        Setting(
            "address-sign-ins", .number(\.service.signInsPerHourByAddress, in: 0...1_000_000),
            "Passwords an hour that may be tried from one address; 0 sets no limit."),
        Setting(
            "listeners", .integer(\.service.liveListenersMax, in: 0...1_000_000),
            "Streams of events at once."),
        Setting(
            "user-listeners", .integer(\.service.liveListenersByUser, in: 0...1_000_000),
            "Streams at once of one signed-in user."),
        Setting(
            "address-listeners", .integer(\.service.liveListenersByAddress, in: 0...1_000_000),
            "Streams at once of one address that is not signed in."),
        Setting(
            "heartbeat-seconds", .number(\.service.heartbeatSeconds, in: 0.1...3600),
            "How long a stream may be silent before a comment is sent."),
        Setting(
            "slow-milliseconds", .number(\.service.slowMilliseconds, in: 0...3_600_000),
            "From when on a call is logged as slow."),
        Setting(
            "drain-seconds", .number(\.drainSeconds, in: 0...3600),
            "How long calls under way may take to end when the service is told to end."),
        Setting(
            "log-level",
            .word(
                \.logLevel, ["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            "The least level that is logged, as JSON lines on standard error."),
    ]

    /// The setting of a name, which there must be.
    static func named(_ name: String) -> Setting {
        guard let setting = all.first(where: { $0.name == name }) else {
            preconditionFailure("there is no setting \(name)")
        }
        return setting
    }
}

extension Setting.Kind {
    fileprivate static func integer(
        _ place: Setting.Place<Int>, in range: ClosedRange<Int>
    ) -> Self { .integer(place, range) }

    fileprivate static func number(
        _ place: Setting.Place<Double>, in range: ClosedRange<Double>
    ) -> Self { .number(place, range) }
}

// MARK: - As numbers

extension Gavel.Configuration {
    var holdsClosings: Bool {
        get { closing == .held }
        set { closing = newValue ? .held : .automatic }
    }
}

extension ServiceOptions {
    var idleSeconds: Double {
        get { idleTime / .seconds(1) }
        set { idleTime = .seconds(newValue) }
    }
    var headSeconds: Double {
        get { headTime / .seconds(1) }
        set { headTime = .seconds(newValue) }
    }
    var bodySeconds: Double {
        get { bodyTime / .seconds(1) }
        set { bodyTime = .seconds(newValue) }
    }
    var tokenAlgorithmName: String {
        get { tokenAlgorithm.rawValue }
        set { tokenAlgorithm = TokenAlgorithm(rawValue: newValue) ?? tokenAlgorithm }
    }
    var heartbeatSeconds: Double {
        get { liveHeartbeat / .seconds(1) }
        set { liveHeartbeat = .seconds(newValue) }
    }
    var positionSeconds: Double {
        get { positionWait / .seconds(1) }
        set { positionWait = .seconds(newValue) }
    }
    var slowMilliseconds: Double {
        get { slowRequest / .milliseconds(1) }
        set { slowRequest = .milliseconds(newValue) }
    }
}

// MARK: - Choosing

/// Settings with where each came from.
struct Choice: Sendable {
    private(set) var settings = Settings()
    /// By name; a setting that is not in it has its default.
    private(set) var sources: [String: String] = [:]

    /// - Parameters:
    ///   - flags: what the command line gave, by name.
    ///   - environment: reads a variable.
    ///   - variables: the names of all variables there are.
    /// - Throws: `Failure` with `usage`.
    init(
        flags: [String: String], variables: [String],
        environment: (String) throws -> String?
    ) throws {
        let known = Set(Setting.all.map(\.variable))
        if let unknown = variables.filter({ $0.hasPrefix("GAVEL_") && !known.contains($0) }).min() {
            throw Failure(
                .usage,
                "unknown environment variable \(unknown), expected one of "
                    + known.sorted().joined(separator: ", "))
        }
        for setting in Setting.all {
            if let text = flags[setting.name] {
                try set(setting, text, from: "flag \(setting.flag(of: text))")
            } else if let text = try environment(setting.variable) {
                try set(setting, text, from: "environment \(setting.variable)")
            }
        }
    }

    private mutating func set(_ setting: Setting, _ text: String, from source: String) throws {
        guard setting.set(text, in: &settings) else {
            throw Failure(
                .usage, "\(source): expected \(setting.expected), not \(text.debugDescription)")
        }
        sources[setting.name] = source
    }

    /// One line for each setting: `port=8080 (default)`. None of them is a secret.
    var lines: [String] {
        Setting.all.map { setting in
            let source = sources[setting.name] ?? "default"
            return "\(setting.name)=\(setting.value(in: settings)) (\(source))"
        }
    }
}
