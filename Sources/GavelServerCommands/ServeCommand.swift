// `gavel-server serve`: reads what was chosen and runs the service with it.

import ArgumentParser
import Foundation
import Gavel
import GavelHTTP
import GavelProgram

import struct Configuration.EnvironmentVariablesProvider

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves a ledger over HTTP until it is told to end.",
        discussion: """
            Every option can be given as an environment variable too: --port as GAVEL_PORT. \
            The command line wins.

            When calls are taken, one line on standard output says where. SIGTERM or SIGINT ends \
            the service: no connection is taken up any more, calls under way may end within \
            --drain-seconds, the ledger is closed. A second signal ends it at once, which loses \
            nothing that was acknowledged.

            Exit codes: 0 ended as told; 2 wrong usage; 3 a commit has failed, and only a new \
            start goes on, or the ledger's key has signed another history elsewhere, and a new \
            start ends with 4; 4 the ledger cannot be opened, or an address cannot be listened at.
            """)

    // Each is text here, so that all values are checked in one way, wherever they come from.
    @Option(name: .customLong("ledger"), help: Setting.argumentHelp("ledger"))
    var ledger: String?
    @Option(name: .customLong("host"), help: Setting.argumentHelp("host"))
    var host: String?
    @Option(name: .customLong("port"), help: Setting.argumentHelp("port"))
    var port: String?
    @Option(name: .customLong("operations-host"), help: Setting.argumentHelp("operations-host"))
    var operationsHost: String?
    @Option(name: .customLong("operations-port"), help: Setting.argumentHelp("operations-port"))
    var operationsPort: String?
    @Flag(
        name: .customLong("hold-closings"), inversion: .prefixedNo,
        help: Setting.argumentHelp("hold-closings"))
    var holdClosings: Bool?
    @Flag(
        name: .customLong("create-ledger"), inversion: .prefixedNo,
        help: Setting.argumentHelp("create-ledger"))
    var createLedger: Bool?
    @Flag(
        name: .customLong("new-key"), inversion: .prefixedNo,
        help: Setting.argumentHelp("new-key"))
    var newKey: Bool?
    @Option(name: .customLong("queue-commands"), help: Setting.argumentHelp("queue-commands"))
    var queueCommands: String?
    @Option(
        name: .customLong("command-id-seconds"), help: Setting.argumentHelp("command-id-seconds"))
    var commandIdSeconds: String?
    @Option(name: .customLong("command-ids"), help: Setting.argumentHelp("command-ids"))
    var commandIds: String?
    @Option(name: .customLong("free-bytes"), help: Setting.argumentHelp("free-bytes"))
    var freeBytes: String?
    @Option(name: .customLong("map-bytes"), help: Setting.argumentHelp("map-bytes"))
    var mapBytes: String?
    @Option(name: .customLong("snapshot-entries"), help: Setting.argumentHelp("snapshot-entries"))
    var snapshotEntries: String?
    @Option(
        name: .customLong("checkpoint-milliseconds"),
        help: Setting.argumentHelp("checkpoint-milliseconds"))
    var checkpointMilliseconds: String?
    @Option(name: .customLong("checkpoint-copy"), help: Setting.argumentHelp("checkpoint-copy"))
    var checkpointCopy: String?
    @Option(name: .customLong("connections"), help: Setting.argumentHelp("connections"))
    var connections: String?
    @Option(
        name: .customLong("address-connections"), help: Setting.argumentHelp("address-connections"))
    var addressConnections: String?
    @Option(name: .customLong("backlog"), help: Setting.argumentHelp("backlog"))
    var backlog: String?
    @Option(name: .customLong("body-bytes"), help: Setting.argumentHelp("body-bytes"))
    var bodyBytes: String?
    @Option(name: .customLong("idle-seconds"), help: Setting.argumentHelp("idle-seconds"))
    var idleSeconds: String?
    @Option(name: .customLong("head-seconds"), help: Setting.argumentHelp("head-seconds"))
    var headSeconds: String?
    @Option(name: .customLong("body-seconds"), help: Setting.argumentHelp("body-seconds"))
    var bodySeconds: String?
    @Option(name: .customLong("user-calls"), help: Setting.argumentHelp("user-calls"))
    var userCalls: String?
    @Option(name: .customLong("address-calls"), help: Setting.argumentHelp("address-calls"))
    var addressCalls: String?
    @Option(name: .customLong("calls-burst"), help: Setting.argumentHelp("calls-burst"))
    var callsBurst: String?
    @Option(name: .customLong("rejections"), help: Setting.argumentHelp("rejections"))
    var rejections: String?
    @Option(name: .customLong("openings"), help: Setting.argumentHelp("openings"))
    var openings: String?
    @Option(name: .customLong("raises"), help: Setting.argumentHelp("raises"))
    var raises: String?
    @Option(name: .customLong("withdrawals"), help: Setting.argumentHelp("withdrawals"))
    var withdrawals: String?
    @Option(name: .customLong("address-sign-ups"), help: Setting.argumentHelp("address-sign-ups"))
    var addressSignUps: String?
    @Flag(
        name: .customLong("trust-forwarded-for"), inversion: .prefixedNo,
        help: Setting.argumentHelp("trust-forwarded-for"))
    var trustForwardedFor: Bool?
    @Option(name: .customLong("position-seconds"), help: Setting.argumentHelp("position-seconds"))
    var positionSeconds: String?
    @Flag(
        name: .customLong("allow-self-charge"), inversion: .prefixedNo,
        help: Setting.argumentHelp("allow-self-charge"))
    var allowSelfCharge: Bool?
    @Option(name: .customLong("token-algorithm"), help: Setting.argumentHelp("token-algorithm"))
    var tokenAlgorithm: String?
    @Option(name: .customLong("token-key-days"), help: Setting.argumentHelp("token-key-days"))
    var tokenKeyDays: String?
    @Option(name: .customLong("token-cache"), help: Setting.argumentHelp("token-cache"))
    var tokenCache: String?
    @Option(name: .customLong("password-cost"), help: Setting.argumentHelp("password-cost"))
    var passwordCost: String?
    @Option(name: .customLong("user-sign-ins"), help: Setting.argumentHelp("user-sign-ins"))
    var userSignIns: String?
    @Option(name: .customLong("name-sign-ins"), help: Setting.argumentHelp("name-sign-ins"))
    var nameSignIns: String?
    @Option(name: .customLong("address-sign-ins"), help: Setting.argumentHelp("address-sign-ins"))
    var addressSignIns: String?
    @Option(name: .customLong("listeners"), help: Setting.argumentHelp("listeners"))
    var listeners: String?
    @Option(name: .customLong("user-listeners"), help: Setting.argumentHelp("user-listeners"))
    var userListeners: String?
    @Option(name: .customLong("address-listeners"), help: Setting.argumentHelp("address-listeners"))
    var addressListeners: String?
    @Option(name: .customLong("heartbeat-seconds"), help: Setting.argumentHelp("heartbeat-seconds"))
    var heartbeatSeconds: String?
    @Option(name: .customLong("slow-milliseconds"), help: Setting.argumentHelp("slow-milliseconds"))
    var slowMilliseconds: String?
    @Option(name: .customLong("drain-seconds"), help: Setting.argumentHelp("drain-seconds"))
    var drainSeconds: String?
    @Option(name: .customLong("log-level"), help: Setting.argumentHelp("log-level"))
    var logLevel: String?

    @Flag(help: "Prints what is chosen, each with where it comes from, and ends.")
    var printConfig = false

    /// What the command line gives, by the settings' names.
    var given: [String: String] {
        let all: [(String, String?)] = [
            ("ledger", ledger),
            ("host", host),
            ("port", port),
            ("operations-host", operationsHost),
            ("operations-port", operationsPort),
            ("hold-closings", holdClosings.map { String($0) }),
            ("create-ledger", createLedger.map { String($0) }),
            ("new-key", newKey.map { String($0) }),
            ("queue-commands", queueCommands),
            ("command-id-seconds", commandIdSeconds),
            ("command-ids", commandIds),
            ("free-bytes", freeBytes),
            ("map-bytes", mapBytes),
            ("snapshot-entries", snapshotEntries),
            ("checkpoint-milliseconds", checkpointMilliseconds),
            ("checkpoint-copy", checkpointCopy),
            ("connections", connections),
            ("address-connections", addressConnections),
            ("backlog", backlog),
            ("body-bytes", bodyBytes),
            ("idle-seconds", idleSeconds),
            ("head-seconds", headSeconds),
            ("body-seconds", bodySeconds),
            ("user-calls", userCalls),
            ("address-calls", addressCalls),
            ("calls-burst", callsBurst),
            ("rejections", rejections),
            ("openings", openings),
            ("raises", raises),
            ("withdrawals", withdrawals),
            ("address-sign-ups", addressSignUps),
            ("trust-forwarded-for", trustForwardedFor.map { String($0) }),
            ("position-seconds", positionSeconds),
            ("allow-self-charge", allowSelfCharge.map { String($0) }),
            ("token-algorithm", tokenAlgorithm),
            ("token-key-days", tokenKeyDays),
            ("token-cache", tokenCache),
            ("password-cost", passwordCost),
            ("user-sign-ins", userSignIns),
            ("name-sign-ins", nameSignIns),
            ("address-sign-ins", addressSignIns),
            ("listeners", listeners),
            ("user-listeners", userListeners),
            ("address-listeners", addressListeners),
            ("heartbeat-seconds", heartbeatSeconds),
            ("slow-milliseconds", slowMilliseconds),
            ("drain-seconds", drainSeconds),
            ("log-level", logLevel),
        ]
        return Dictionary(
            uniqueKeysWithValues: all.compactMap { name, text in text.map { (name, $0) } })
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let provider = EnvironmentVariablesProvider(environmentVariables: environment)
        let choice = try Choice(
            flags: given, variables: Array(environment.keys),
            environment: { try provider.environmentValue(forName: $0) })
        if printConfig {
            printOutput(choice.lines.joined(separator: "\n"))
            return
        }
        guard !choice.settings.ledger.isEmpty else {
            throw Failure(.usage, "missing --ledger (or GAVEL_LEDGER): the ledger's folder")
        }
        try await Serving(choice.settings).run()
    }
}

extension Setting {
    /// What the help says of a setting.
    fileprivate static func argumentHelp(_ name: String) -> ArgumentHelp {
        let setting = named(name)
        let standard = setting.value(in: Settings())
        let isFlag = if case .flag = setting.kind { true } else { false }
        return ArgumentHelp(
            stringLiteral: setting.help
                + (standard.isEmpty ? "" : " (default: \(standard))")
                + (isFlag ? "" : " Expects \(setting.expected)."))
    }
}
