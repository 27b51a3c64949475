// Simulated houses: what they find when something is wrong, and that nothing is found now.

import Foundation
import GavelTesting
import Testing

@Suite("Simulated houses")
struct SimulationTests {
    /// How many times as much as by default.
    private static let scale =
        ProcessInfo.processInfo.environment["GAVEL_CAMPAIGN"].flatMap(UInt64.init) ?? 1

    /// On a thread of its own: the tests' pool is for tests that wait.
    private func run(_ campaign: Campaign) async {
        await withCheckedContinuation { done in
            Thread.detachNewThread {
                campaign.run(threads: 2)
                done.resume()
            }
        }
    }

    @Test("Through crashes, wrong clocks, outages and full disks every promise is kept")
    func promises() async {
        let campaign = Campaign(Simulation.Configuration(), first: 1, seeds: 60 * Self.scale)
        await run(campaign)
        #expect(campaign.finding == nil)
        #expect(campaign.coverage.missing == [])
    }

    @Test("Each planted defect is found", arguments: PlantedDefect.allCases)
    func defects(defect: PlantedDefect) async {
        var configuration = Simulation.Configuration()
        configuration.defect = defect
        let campaign = Campaign(configuration, first: 1, seeds: 1_000)
        await run(campaign)
        #expect(campaign.finding != nil)
    }

    @Test("A seed gives the same finding again, and fewer steps and faults give one too")
    func shrinking() async throws {
        var configuration = Simulation.Configuration()
        configuration.defect = .answersEarly
        let campaign = Campaign(configuration, first: 1, seeds: 1_000)
        await run(campaign)
        let finding = try #require(campaign.finding)
        let again = #expect(throws: SimulationFinding.self) {
            try Simulation.run(seed: finding.seed, configuration)
        }
        #expect(again == finding)
        let least = try #require(Simulation.shrink(seed: finding.seed, configuration))
        #expect(least.configuration.steps <= finding.step + 1)
        #expect(least.configuration.faults.count < SimulatedFault.allCases.count)
    }
}
