// Many seeds on all processors, until the first finding.

internal import Dispatch
internal import Synchronization

/// Seeds in order, shared out among threads.
///
///     let campaign = Campaign(Simulation.Configuration(), first: 1, seeds: 1_000)
///     campaign.run(threads: 2)
///     if let finding = campaign.finding { … }
public final class Campaign: Sendable {
    private struct State {
        var next: UInt64
        var finished: UInt64 = 0
        var coverage = SimulationCoverage()
        /// The finding of the least seed.
        var finding: SimulationFinding?
    }

    private let configuration: Simulation.Configuration
    private let end: UInt64
    private let state: Mutex<State>

    public init(_ configuration: Simulation.Configuration, first: UInt64, seeds: UInt64) {
        self.configuration = configuration
        end = first + seeds
        state = Mutex(State(next: first))
    }

    /// Runs the seeds, or as many as it takes to find something. Blocks until done.
    public func run(threads: Int) {
        DispatchQueue.concurrentPerform(iterations: max(1, threads)) { _ in
            while let seed = take() {
                let result = Result { () throws(SimulationFinding) in
                    try Simulation.run(seed: seed, configuration)
                }
                state.withLock { state in
                    state.finished += 1
                    switch result {
                    case .success(let coverage): state.coverage.add(coverage)
                    case .failure(let finding):
                        if finding.seed < state.finding?.seed ?? .max { state.finding = finding }
                    }
                }
            }
        }
    }

    private func take() -> UInt64? {
        state.withLock { state in
            guard state.next < end, state.finding == nil else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    /// How many seeds were run.
    public var finished: UInt64 { state.withLock { $0.finished } }
    /// What was reached by all that found nothing.
    public var coverage: SimulationCoverage { state.withLock { $0.coverage } }
    /// The first thing that was found.
    public var finding: SimulationFinding? { state.withLock { $0.finding } }
}
