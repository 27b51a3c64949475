// How far long work is, for people who wait at a terminal.
//
// Invariant: nothing is written where standard error is no terminal.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Says how far long work is, on a terminal's standard error only.
package struct Progress {
    private let what: String
    private let isShown = isatty(STDERR_FILENO) == 1
    private var lastShown: ContinuousClock.Instant?

    package init(_ what: String) { self.what = what }

    /// Shows a percentage, ten times a second at most.
    package mutating func show(_ done: UInt64, of total: UInt64) {
        guard isShown, total > 0 else { return }
        let now = ContinuousClock.now
        if let lastShown, now - lastShown < .milliseconds(100) { return }
        lastShown = now
        let percent = min(100, Int(Double(done) / Double(total) * 100))
        try? writeAll(Array("\r\(what) \(percent) %".utf8), to: STDERR_FILENO)
    }

    /// Leaves the line empty for what comes next.
    package mutating func clear() {
        guard lastShown != nil else { return }
        lastShown = nil
        try? writeAll(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO)
    }
}

/// Prints a line on a terminal's standard error: for people who wait, never for files.
package func noteOnTerminal(_ line: String) {
    guard isatty(STDERR_FILENO) == 1 else { return }
    try? writeAll(Array("\(line)\n".utf8), to: STDERR_FILENO)
}
