// The life of the service: opening, listening, draining, closing.
//
// Order at the end: readiness says no · no connection is taken up, streams end, calls under way
// are answered · the operations listener ends · the ledger answers what it has and is closed.
//
// Invariant: whatever was acknowledged is in the ledger, however the process ends; an orderly end
// only spares the next opening some replay.

import Dispatch
import Foundation
import Gavel
import GavelHTTP
import GavelProgram
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One run of the service.
struct Serving {
    private enum Happening: Sendable {
        case told
        case ended((any Error)?)
        case ledgerFailed(LedgerError)
        case drainedLongEnough
    }

    private let settings: Settings
    private let logger: Logger

    init(_ settings: Settings) {
        self.settings = settings
        let level = Logger.Level(rawValue: settings.logLevel) ?? .info
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: level) }
        logger = Logger(label: "gavel")
    }

    /// Runs until told to end.
    /// - Throws: `Failure`, `LedgerError`.
    func run() async throws {
        let files = raiseOpenFilesMax()
        let needed = settings.service.connectionsMax + Self.filesBesides
        if files < needed {
            logger.warning(
                "the process may open fewer files than it needs for all connections",
                metadata: [
                    "files": .stringConvertible(files),
                    "files_needed": .stringConvertible(needed),
                    "connections": .stringConvertible(settings.service.connectionsMax),
                ])
        }
        if settings.service.allowsSelfCharge {
            logger.warning("users may charge their own wallets: for development only")
        }
        let (happenings, continuation) = AsyncStream<Happening>.makeStream()
        // From here on, so that a signal during a long opening is not lost.
        let signals = Signals { continuation.yield(.told) }
        defer { signals.cancel() }
        var engine = settings.engine
        engine.logger = logger
        let service: AuctionService
        do {
            service = try await AuctionService.open(
                at: settings.ledger, configuration: engine, options: settings.service,
                logger: logger)
        } catch let error as LedgerError {
            throw error
        } catch {
            throw Failure(.unusable, "the ledger cannot be opened: \(error)")
        }
        let outcome = await serve(service, happenings, continuation)
        await service.close()
        if outcome == nil { logger.info("ended") }
        LogSink.standardError.flush()
        if let outcome { throw outcome }
    }

    /// Serves until told to end, and until what was under way is done or has had its time.
    /// - Returns: why it did not end well.
    private func serve(
        _ service: AuctionService, _ happenings: AsyncStream<Happening>,
        _ continuation: AsyncStream<Happening>.Continuation
    ) async -> Failure? {
        let ports = Ports(settings.service)
        // They end in the reverse order: readiness can be asked for until the last call is done.
        var configuration = ServiceGroupConfiguration(
            services: [
                service.operationsServer { ports.operations($0) },
                service.server { ports.calls($0) },
            ],
            logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(settings.drainSeconds)
        let group = ServiceGroup(configuration: configuration)
        let running = Task {
            do {
                try await group.run()
                continuation.yield(.ended(nil))
            } catch {
                continuation.yield(.ended(error))
            }
        }
        let watch = watchLedger(service) { continuation.yield(.ledgerFailed($0)) }
        defer { watch.cancel() }
        var isEnding = false
        var failure: Failure?
        for await happening in happenings {
            switch happening {
            case .told:
                logger.info("ending")
            case .ledgerFailed(let error):
                // Where the ledger was moved away, a service that is started again would make a
                // new one in its place.
                failure =
                    error.code == .fenced
                    ? Failure(.unusable, "the ledger has stopped: \(error.reason)")
                    : Failure(
                        .stopped,
                        "the ledger has stopped: \(error.reason); start the service again")
            case .ended(let error):
                // What is cut off at the end of the drain is an error to the group, not to us.
                if !isEnding, let error { failure = Self.failure(of: error, ports) }
                return failure
            case .drainedLongEnough:
                logger.warning("calls under way were cut off")
                running.cancel()
                return failure
            }
            if isEnding { continue }
            isEnding = true
            service.beginShutdown()
            await group.triggerGracefulShutdown()
            let limit = Duration.seconds(settings.drainSeconds) + Self.grace
            Task {
                try? await Task.sleep(for: limit)
                continuation.yield(.drainedLongEnough)
            }
        }
        return failure
    }

    /// How long the group may take to cancel what the drain did not end.
    private static let grace = Duration.seconds(1)
    /// Files that are open besides connections: the ledger's, the accounts', the listeners'.
    private static let filesBesides = 64

    /// Tells when the ledger has stopped: then only a new start goes on, and a supervisor that
    /// sees the process end does it.
    private func watchLedger(
        _ service: AuctionService, _ tell: @escaping @Sendable (LedgerError) -> Void
    ) -> any DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "gavel.watch"))
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler {
            if let failure = service.failure { tell(failure) }
        }
        timer.resume()
        return timer
    }

    private static func failure(of error: any Error, _ ports: Ports) -> Failure {
        Failure(.unusable, "cannot listen at \(ports.missing): \(error)")
    }
}

/// The ports that are listened at, and the line that says so.
private final class Ports: Sendable {
    private struct Known {
        var calls: Int?
        var operations: Int?
    }

    private let options: ServiceOptions
    private let known = Mutex(Known())

    init(_ options: ServiceOptions) { self.options = options }

    func calls(_ port: Int) { note { $0.calls = port } }
    func operations(_ port: Int) { note { $0.operations = port } }

    private func note(_ change: (inout Known) -> Void) {
        let line: String? = known.withLock { known in
            change(&known)
            guard let calls = known.calls, let operations = known.operations else { return nil }
            return "gavel-server listening on http://\(options.host):\(calls), "
                + "operations on http://\(options.operationsHost):\(operations)"
        }
        if let line { printOutput(line) }
    }

    /// The address that is not listened at.
    var missing: String {
        known.withLock { known in
            known.operations == nil
                ? "\(options.operationsHost):\(options.operationsPort)"
                : "\(options.host):\(options.port)"
        }
    }
}

/// SIGTERM and SIGINT: the first asks for an end, the second does not ask.
private final class Signals {
    private let sources: [any DispatchSourceSignal]

    init(_ tell: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "gavel.signals", qos: .userInteractive)
        let count = Count()
        sources = [SIGTERM, SIGINT].map { number in
            // Without it the signal would end the process before the source sees it.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if count.next() > 1 { _exit(128 + number) }
                tell()
            }
            source.resume()
            return source
        }
    }

    func cancel() { for source in sources { source.cancel() } }

    private final class Count: Sendable {
        private let value = Atomic<Int>(0)
        func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).newValue }
    }
}
