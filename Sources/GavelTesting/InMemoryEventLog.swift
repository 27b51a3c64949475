// An event log in memory that fails on demand.
//
// Invariants: those of `EventLog`; what was reported durable is stored. A frame reported unknown
// is stored or not, as the fault says: that is what makes it unknown.

internal import Dispatch
public import Gavel
internal import Platform
internal import Synchronization

/// Frames in an array, reported from a queue of its own.
public final class InMemoryEventLog: Sendable {
    /// What becomes of the next frame that has entries.
    public enum Fault: Hashable, Sendable {
        /// The outcome is unknown, and the frame is in the log after all.
        case unknownButStored
        /// The outcome is unknown, and the frame is not in the log.
        case unknownAndLost
        /// Another writer came first.
        case fenced
    }

    private struct State {
        var frames: [(firstPosition: UInt64, bytes: [UInt8])] = []
        var entryCount: UInt64 = 0
        var handler: (@Sendable (LogReport) -> Void)?
        var fault: Fault?
        var framesUntilFault = 0
        var isFinished = false
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "gavel.memory-log")
    /// Suspended while reports are held back.
    private let gate = DispatchSemaphore(value: 1)

    public init() {}

    /// Makes a later frame fail; every one after it fails too.
    /// - Parameter frames: how many frames still succeed before.
    public func fail(_ fault: Fault, afterFrames frames: Int = 0) {
        state.withLock { state in
            state.fault = fault
            state.framesUntilFault = frames
        }
    }

    /// Holds frames back, as a slow disk does, until `release`.
    public func hold() { gate.wait() }

    /// Lets held frames go.
    public func release() { gate.signal() }

    /// The stored frames, for looking at bytes.
    public var frames: [[UInt8]] { state.withLock { $0.frames.map(\.bytes) } }

    /// Makes the log usable again after a fault, as reopening does.
    public func recover() {
        state.withLock { state in
            state.fault = nil
            state.isFinished = false
        }
    }

    /// Opens a ledger on this log.
    /// - Throws: `LedgerError`.
    public func openLedger(configuration: Configuration = Configuration()) throws -> Ledger {
        try Ledger(log: self, configuration: configuration)
    }
}

extension InMemoryEventLog: EventLog {
    package var entryCount: UInt64 { state.withLock { $0.entryCount } }

    package func start(reportingTo handler: @escaping @Sendable (LogReport) -> Void) {
        state.withLock { $0.handler = handler }
    }

    package func append(
        _ frame: Frame, atOnce: Bool, seal: @escaping @Sendable (Frame) -> Void
    ) {
        queue.async { self.store(frame, seal) }
    }

    private func store(_ frame: Frame, _ seal: (Frame) -> Void) {
        gate.wait()
        gate.signal()
        let isFinished = state.withLock { $0.isFinished }
        if !frame.isEmpty, !isFinished { seal(frame) }
        let (handler, report) = state.withLock { state in
            (state.handler, Self.decide(frame, &state))
        }
        handler?(report)
    }

    private static func decide(_ frame: Frame, _ state: inout State) -> LogReport {
        if state.isFinished { return .unknown(frame, reason: "the log has failed before") }
        if frame.isEmpty { return .durable(frame) }
        if let fault = state.fault {
            if state.framesUntilFault > 0 {
                state.framesUntilFault -= 1
            } else {
                state.isFinished = true
                if fault == .unknownButStored { keep(frame, &state) }
                return fault == .fenced
                    ? .fenced(frame) : .unknown(frame, reason: "a fault was asked for")
            }
        }
        keep(frame, &state)
        return .durable(frame)
    }

    private static func keep(_ frame: Frame, _ state: inout State) {
        var bytes: [UInt8] = []
        frame.withParts { bytes.append(contentsOf: $0.array()) }
        state.frames.append((frame.firstPosition, bytes))
        state.entryCount = frame.endPosition
    }

    package func forEachFrame(
        from position: UInt64, _ body: (RawSpan) throws -> Bool
    ) throws {
        let frames = state.withLock { $0.frames }
        let start = frames.lastIndex { $0.firstPosition <= position } ?? 0
        for frame in frames[min(start, frames.count)...] {
            guard try withBytes(of: frame.bytes, body) else { return }
        }
    }

    package func drain() { queue.sync {} }
    package func close() {}
}
