// Logs as one JSON object a line, for whatever collects them.
//
//     {"time":"…","level":"warning","logger":"gavel","message":"slow request",
//      "request_id":"…","metadata":{"route":"/auctions/{auction}/bid","status":"200"}}
//
// Invariants: lines come whole and in order; whoever logs never waits for the reader of the logs:
// what it cannot take is dropped and counted; values under names of secrets are never written.

internal import Dispatch
internal import Foundation
internal import Gavel
internal import GavelJSON
public import Logging
internal import Synchronization

/// Where lines go: written by a thread of their own.
public final class LogSink: Sendable {
    /// Lines that may wait: some megabytes at worst.
    private static let linesMax = 10_000

    private let queue = DispatchQueue(label: "gavel.logs", qos: .utility)
    private let waiting = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)
    private let output: @Sendable ([UInt8]) -> Void

    /// - Parameter output: takes a line with its newline; called on the sink's thread.
    public init(_ output: @escaping @Sendable ([UInt8]) -> Void) { self.output = output }

    /// Standard error. Lines that it does not take are lost: there is nobody to tell.
    public static let standardError = LogSink { line in
        try? FileHandle.standardError.write(contentsOf: Data(line))
    }

    func write(_ line: [UInt8]) {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.linesMax else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            dropped.wrappingAdd(1, ordering: .relaxed)
            return
        }
        queue.async { [self] in
            let lost = dropped.exchange(0, ordering: .relaxed)
            if lost > 0 {
                var writer = JSONWriter()
                writer.logLine(
                    .warning, logger: "gavel", "log lines were dropped", requestID: nil,
                    [("lines", .stringConvertible(lost))])
                output(writer.bytes)
            }
            output(line)
            waiting.wrappingSubtract(1, ordering: .relaxed)
        }
    }

    /// Waits until all lines are written.
    public func flush() { queue.sync {} }
}

/// Writes log lines as JSON.
public struct JSONLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let sink: LogSink

    public init(label: String, level: Logger.Level = .info, to sink: LogSink = .standardError) {
        self.label = label
        self.sink = sink
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let given = event.metadata { all.merge(given) { $1 } }
        if let error = event.error { all["error"] = .string("\(error)") }
        let id = all.removeValue(forKey: CallObserver.idKey).map { "\($0)" }
        var writer = JSONWriter()
        writer.logLine(
            event.level, logger: label, "\(event.message)", requestID: id,
            all.sorted { $0.key < $1.key }.map { key, value in
                (key, Self.isSecret(key) ? .string("[secret]") : value)
            })
        sink.write(writer.bytes)
    }

    /// Nobody logs these; should somebody begin to, they still do not get out.
    private static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased()
        return ["authorization", "password", "token", "secret", "idempotency-key", "cookie"]
            .contains { key.contains($0) }
    }
}

extension JSONWriter {
    fileprivate mutating func logLine(
        _ level: Logger.Level, logger: String, _ message: String, requestID: String?,
        _ metadata: [(String, Logger.MetadataValue)]
    ) {
        object { line in
            line.field("time", SystemClock().now())
            line.field("level", level.rawValue)
            line.field("logger", logger)
            line.field("message", message)
            if let requestID { line.field("request_id", requestID) }
            if !metadata.isEmpty {
                line.name("metadata")
                line.object { object in
                    for (name, value) in metadata {
                        if case .stringConvertible(let number) = value, let number = number as? Int
                        {
                            object.field(name, number)
                        } else {
                            object.field(name, "\(value)")
                        }
                    }
                }
            }
        }
        newline()
    }
}
