// The words of a report: what was asked for, on which machine, and what the figures do not say.

import Gavel
import GavelProgram
import GavelReport

extension StormOptions {
    /// What was asked for, in the order a reader asks.
    var settings: [(name: String, value: String)] {
        var settings: [(name: String, value: String)] = [
            ("scenario", "\(scenario.rawValue), \(scenario.summary)")
        ]
        if scenario == .r1 {
            settings.append(("history", history.joined(separator: ", ")))
        } else {
            settings.append(("wallets", grouped(users)))
            settings.append(("auctions", grouped(auctions)))
            settings.append(("seed", String(seed)))
            settings.append(
                (
                    "not honest",
                    defects.all.map { "\($0.percent) % \($0.name.dropFirst(2))" }
                        .joined(separator: ", ")
                ))
        }
        if scenario == .r2 { settings.append(("arrivals", arrivalsName)) }
        if let load { settings.append(("load", "\(load) of the capacity")) }
        if let rate { settings.append(("rate", "\(grouped(rate)) a second planned")) }
        settings.append(("runs", runs == 1 ? "1" : "\(runs); medians, and the whole range"))
        let without = Shortcuts.named.filter { !shortcuts.contains($0.shortcut) }.map(\.name)
        if !without.isEmpty { settings.append(("without", without.joined(separator: ", "))) }
        if beside {
            settings.append(("beside", "frequent snapshots, a subscriber, verifications"))
        }
        return settings
    }

    /// What must be known to read the figures.
    var notes: [String] {
        var notes: [String] = []
        switch scenario {
        case .r1:
            notes.append("Times are the history's; no latency is measured.")
        case .r2, .r5:
            notes.append("Open loop: latency runs from each planned time to the receipt.")
        case .r3:
            notes.append(
                isOpenLoop
                    ? "Open loop: latency runs from each planned time to the receipt."
                    : "Closed loop: as fast as bids are taken; latency runs from the sending.")
        case .r4:
            notes.append("plain and soft-close are closed loops, chains is an open one.")
        case .r6:
            notes.append("Open loop. Kept of AuctionMark: weights, sizes, prices, virtual time.")
            notes.append(
                "Changed: no comments, feedback and item texts (10 of 100); auctions close; half "
                    + "of the bids go to auctions that end soon; bids lock funds.")
        }
        notes.append("The load generator shares the processors with the engine.")
        return notes
    }
}

extension StormReport {
    /// What the figures were measured on.
    static var thisMachine: [(name: String, value: String)] {
        var machine: [(name: String, value: String)] = []
        if let processor = Machine.processor { machine.append(("processor", processor)) }
        machine.append(("cores", String(Machine.cores)))
        #if DEBUG
            machine.append(("build", "debug: the figures mean nothing"))
        #else
            machine.append(("build", "release"))
        #endif
        return machine
    }
}

/// Says on a terminal which of several runs is under way.
package func showRun(_ number: Int, of runs: Int) {
    guard runs > 1 else { return }
    noteOnTerminal("run \(number) of \(runs)")
}
