// When bids arrive in the life of an auction, and how many an auction gets.
//
// The facts are measured on the eBay "Online Auctions Dataset" of 2003-04 (628 proxy auctions with
// a hard close, 10,681 bids) and on MaxSold soft-close sales of 2025. Density over the whole life:
// three stages as in BARISTA (Shmueli, Russo, Jank, Ann. Appl. Stat. 2007, 1(2):412-441), fitted
// to that data. The tail is taken from the measured shares themselves, since a fit that is good
// over days is a third off in the last half minute.
//
// Invariant: `secondsToClose` never falls as the share of bids grows, from 0 to the duration.

import GavelProgram

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A table of a growing quantity, read in between by its logarithm.
struct QuantileTable {
    /// Shares of bids, ascending, the last at most 1.
    private let shares: [Double]
    /// How long before the end, in seconds, ascending and above 0.
    private let seconds: [Double]

    /// - Throws: `ArgumentProblem` naming the row that is out of order.
    init(_ rows: [(share: Double, seconds: Double)]) throws {
        for (index, row) in rows.enumerated() {
            let before = index > 0 ? rows[index - 1] : (share: 0, seconds: 0)
            guard row.share > before.share || index == 0 && row.share > 0, row.share <= 1,
                row.seconds >= before.seconds, row.seconds > 0, row.seconds.isFinite
            else {
                throw ArgumentProblem(
                    "row \(index + 1) (\(row.share), \(row.seconds)) does not grow: shares must "
                        + "ascend up to 1 and seconds be above 0")
            }
        }
        guard rows.count >= 2 else {
            throw ArgumentProblem("a table of arrivals needs at least 2 rows, not \(rows.count)")
        }
        shares = rows.map(\.share)
        seconds = rows.map(\.seconds)
    }

    var lastShare: Double { shares[shares.count - 1] }
    var lastSeconds: Double { seconds[seconds.count - 1] }

    /// How long before the end the bid is before which `share` of all bids (counted from the end)
    /// lie. Below the first row the density is flat, as measured (exponent 0.95 in the last 30 s).
    func secondsToClose(_ share: Double) -> Double {
        if share <= shares[0] { return seconds[0] * share / shares[0] }
        if share >= lastShare { return lastSeconds }
        var low = 0
        var high = shares.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if shares[middle] <= share { low = middle } else { high = middle }
        }
        let part = (share - shares[low]) / (shares[high] - shares[low])
        return seconds[low] * pow(seconds[high] / seconds[low], part)
    }
}

/// Draws how long before the end of its auction a bid comes.
package struct ArrivalModel {
    /// Share of all bids in the last so many seconds, hard close: up to two minutes of all 10,681
    /// bids, from there on (0.05, 0.1, 0.5, 1, 5 and 10 % of the time) of the 7,041 in auctions of
    /// 7 days.
    private static let tail: [(share: Double, seconds: Double)] = [
        (0.0002, 1), (0.0011, 2), (0.0029, 5), (0.0066, 10), (0.0095, 15), (0.020, 30),
        (0.031, 60), (0.046, 120), (0.067, 302.4), (0.087, 604.8), (0.137, 3_024),
        (0.178, 6_048), (0.327, 30_240), (0.411, 60_480),
    ]

    /// Share of a lot's bids in the last so many seconds before its *scheduled* end under a soft
    /// close with a reset of 120 s (735 bids). 6.1 % came after it, in extensions.
    static let softCloseTail: [(share: Double, seconds: Double)] = [
        (0.10, 60), (0.17, 120), (0.34, 300), (0.38, 600), (0.45, 3_600),
    ]

    /// How long an auction runs, in seconds.
    let duration: Double
    private let table: QuantileTable
    private let density: ThreeStageDensity?

    /// The model of auctions that run 7 days: the tail as measured, the days before it by the fit.
    package static func sevenDays() throws -> ArrivalModel {
        let duration: Double = 604_800
        return ArrivalModel(
            duration: duration, table: try QuantileTable(tail),
            density: ThreeStageDensity(
                early: 3.39, middle: 0.311, last: 1.26, earlyShare: 0.36,
                lastShare: 11 / duration))
    }

    /// Arrivals by a table alone.
    init(table: QuantileTable) {
        self.init(duration: table.lastSeconds, table: table, density: nil)
    }

    private init(duration: Double, table: QuantileTable, density: ThreeStageDensity?) {
        self.duration = duration
        self.table = table
        self.density = density
    }

    /// Inverts the distribution: of all bids `share` come later than the answer, in seconds before
    /// the end.
    func secondsToClose(_ share: Double) -> Double {
        guard let density, share > table.lastShare else { return table.secondsToClose(share) }
        // What lies before the table is spread as the fit spreads it, so the two meet at its end.
        let from = density.mass(upTo: table.lastSeconds / duration)
        let part = (share - table.lastShare) / (1 - table.lastShare)
        return min(duration, density.inverse(from + part * (1 - from)) * duration)
    }

    /// The share of bids that come in the last so many seconds.
    func share(within seconds: Double) -> Double {
        var (low, high) = (0.0, 1.0)
        // As many halvings as a share has bits that matter.
        for _ in 0..<50 {
            let middle = (low + high) / 2
            if secondsToClose(middle) <= seconds { low = middle } else { high = middle }
        }
        return low
    }
}

/// The density of u = remaining time / duration: `u^(last−1)` at the very end, `u^(middle−1)` in
/// the long self-similar middle, `u^(early−1)` in the first days; continuous where they meet.
struct ThreeStageDensity {
    private let exponents: [Double]
    /// Where stages begin and end, from 0 to 1.
    private let borders: [Double]
    /// What each stage is multiplied with to meet the middle one.
    private let factors: [Double]
    /// The mass before each border.
    private let masses: [Double]

    init(early: Double, middle: Double, last: Double, earlyShare: Double, lastShare: Double) {
        exponents = [last, middle, early]
        borders = [0, lastShare, 1 - earlyShare, 1]
        factors = [pow(lastShare, middle - last), 1, pow(1 - earlyShare, middle - early)]
        var masses: [Double] = [0]
        for stage in 0..<3 {
            let mass = Self.integral(exponents[stage], borders[stage], borders[stage + 1])
            masses.append(masses[stage] + factors[stage] * mass)
        }
        self.masses = masses.map { $0 / masses[3] }
    }

    private static func integral(_ exponent: Double, _ from: Double, _ to: Double) -> Double {
        (pow(to, exponent) - pow(from, exponent)) / exponent
    }

    private func stage(where isBelow: (Int) -> Bool) -> Int { isBelow(1) ? 0 : isBelow(2) ? 1 : 2 }

    /// The share of bids that come when less than `u` of the duration remains.
    func mass(upTo u: Double) -> Double {
        let stage = stage { u < borders[$0] }
        let whole = Self.integral(exponents[stage], borders[stage], borders[stage + 1])
        let part = Self.integral(exponents[stage], borders[stage], u)
        return masses[stage] + (masses[stage + 1] - masses[stage]) * part / whole
    }

    /// The u below which that share of bids comes.
    func inverse(_ mass: Double) -> Double {
        let stage = stage { mass < masses[$0] }
        let part = (mass - masses[stage]) / (masses[stage + 1] - masses[stage])
        let exponent = exponents[stage]
        let low = pow(borders[stage], exponent)
        return pow(low + part * (pow(borders[stage + 1], exponent) - low), 1 / exponent)
    }
}

/// How many bids an auction gets: mean 17, p50 16, p90 32, p99 45, most 75 in the same data.
enum BidsPerAuction {
    private static let quantiles: [(share: Double, bids: Double)] = [
        (0, 1), (0.5, 16.5), (0.9, 32), (0.99, 45), (1, 76),
    ]

    /// Between the measured quantiles the number grows evenly.
    static func draw(_ random: inout StormRandom) -> Int {
        let share = random.share()
        let place = quantiles.lastIndex { $0.share <= share } ?? 0
        let (low, high) = (quantiles[place], quantiles[place + 1])
        let part = (share - low.share) / (high.share - low.share)
        return max(1, Int(low.bids + part * (high.bids - low.bids)))
    }
}
