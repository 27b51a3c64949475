// gavel-simulator: runs seeds of simulated houses until something is found.

public import ArgumentParser
public import GavelTesting
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@main
struct SimulatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gavel-simulator",
        abstract: "Runs simulated houses with faults at every step until something is found.",
        discussion: """
            A seed fixes everything: a finding is seen again by --first SEED --seeds 1. What is \
            found is shrunk to the fewest steps and kinds of faults. Exit codes: 0 nothing was \
            found (or, with --defect, it was), 1 something was found (or the defect was not), \
            2 wrong usage, 3 a mark of --marks was not reached.
            """)

    @Option(help: "How many seeds.")
    var seeds: UInt64 = 1_000
    @Option(help: "The first seed.")
    var first: UInt64 = 1
    @Option(help: "Steps of a seed.")
    var steps = 240
    @Option(help: "Threads; 0 takes as many as the machine has processors.")
    var threads = 0
    @Option(help: "Plants a defect that must be found: \(PlantedDefect.allCases.names).")
    var defect: PlantedDefect?
    @Option(
        help: "Leaves out a kind of fault; may be given again: \(SimulatedFault.allCases.names).")
    var without: [SimulatedFault] = []
    @Flag(help: "Ends with 3 unless everything rare was reached.")
    var marks = false

    func validate() throws {
        guard seeds >= 1, seeds <= 1 << 40 else {
            throw ValidationError("--seeds must be from 1 to \(1 << 40), not \(seeds)")
        }
        guard (1...1_000_000).contains(steps) else {
            throw ValidationError("--steps must be from 1 to 1000000, not \(steps)")
        }
        guard (0...1_024).contains(threads) else {
            throw ValidationError("--threads must be from 0 to 1024, not \(threads)")
        }
    }

    func run() throws {
        var configuration = Simulation.Configuration()
        configuration.steps = steps
        configuration.defect = defect
        configuration.faults.subtract(without)
        let campaign = Campaign(configuration, first: first, seeds: seeds)
        let start = ContinuousClock.now
        campaign.run(threads: threads > 0 ? threads : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let count = campaign.finished
        for (mark, count) in campaign.coverage.counts.sorted(by: { $0.key < $1.key }) {
            print("\(count)\t\(mark)")
        }
        let rate = Int(Double(count) / max(seconds, 0.001))
        print("\(count) seeds in \(Int(seconds)) s, \(rate) a second")
        if let finding = campaign.finding {
            print("found: \(finding)")
            if let least = Simulation.shrink(seed: finding.seed, configuration) {
                let faults = least.configuration.faults.map(\.rawValue).sorted()
                print("still found in \(least.configuration.steps) steps: \(least.finding.what)")
                print("faults that it needs: \(faults.joined(separator: " "))")
            }
        }
        guard (campaign.finding == nil) == (defect == nil) else { throw ExitCode(1) }
        if marks, !campaign.coverage.missing.isEmpty {
            print("never reached: \(campaign.coverage.missing.joined(separator: ", "))")
            throw ExitCode(3)
        }
    }
}

extension PlantedDefect: ExpressibleByArgument {}
extension SimulatedFault: ExpressibleByArgument {}

extension Array where Element: RawRepresentable<String> {
    fileprivate var names: String { map(\.rawValue).joined(separator: ", ") }
}
