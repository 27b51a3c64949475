// What comes out of a simulation: what was found, and how often what is rare happened.

/// What a simulation found.
public struct SimulationFinding: Error, Hashable, Sendable, CustomStringConvertible {
    public var seed: UInt64
    /// The step at which it was found, from 0.
    public var step: Int
    public var what: String

    public var description: String { "seed \(seed), step \(step): \(what)" }
}

/// How often what is rare happened.
public struct SimulationCoverage: Sendable {
    public private(set) var counts: [String: Int] = [:]

    /// What must happen now and then for a run to mean something.
    public static let marks = [
        "answered after a restart by the first receipt", "bid held by a clock",
        "bid held by an outage", "bid held by storage", "clock agreed by itself",
        "clock believed", "clock held", "clock held at an opening", "closed", "commit lost",
        "commit stored though unknown", "crash lost frames", "crash of 4 s across an end",
        "crash of 4 min across an end", "drift of 150 ppm or more", "entry supplied",
        "frame grew", "id expired", "id in future", "id reused", "ids from a snapshot",
        "moved by an outage", "opening after a hold", "opening after days",
        "paused for more than a day", "rejected",
        "replayed", "rotation refused", "silence", "start 1 h behind", "start 2 h ahead",
        "start 1 day ahead", "start 1 year ahead", "storage low", "wall clock went ahead",
        "wall clock went back",
    ]

    mutating func mark(_ what: String) { counts[what, default: 0] += 1 }

    public mutating func add(_ other: SimulationCoverage) {
        counts.merge(other.counts) { $0 + $1 }
    }

    /// The marks that were never reached.
    public var missing: [String] { Self.marks.filter { counts[$0] == nil } }
}

/// Why a simulation stops.
struct Fault: Error {
    let what: String
    init(_ what: String) { self.what = what }
}
