// Standard output and standard error.
//
// Invariants: output is written in blocks and in order; whoever writes flushes before ending,
// also after an error, so what was found before it is seen; a reader that has gone away is an
// error value (`OutputClosed`) and never a signal that kills a command holding a ledger.

import GavelJSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Nobody reads standard output any more.
struct OutputClosed: Error {}

/// Makes a write to a closed pipe fail with EPIPE, and one beyond the limit on the length of files
/// (`ulimit -f`) with EFBIG, instead of killing the process.
func turnSignalsIntoErrors() {
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGXFSZ, SIG_IGN)
}

/// A buffer before standard output. Used from one thread.
final class Output {
    private static let bufferBytesMax = 1 << 16

    private var buffer: [UInt8] = []

    init() { buffer.reserveCapacity(Self.bufferBytesMax) }

    /// Adds text; it is seen after `flush`.
    func write(_ text: String) { buffer.append(contentsOf: text.utf8) }

    /// Adds bytes; they are seen after `flush`.
    func write(_ bytes: [UInt8]) { buffer.append(contentsOf: bytes) }

    /// Writes out when enough has gathered. Called between lines.
    func flushIfFull() throws {
        if buffer.count >= Self.bufferBytesMax { try flush() }
    }

    /// Writes out everything.
    /// - Throws: `OutputClosed`; `Failure` when the disk or device refuses.
    func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        try writeAll(buffer, to: STDOUT_FILENO)
    }
}

/// Lends an output and flushes it, also when `body` throws.
func withOutput(_ body: (Output) throws -> Void) throws {
    let output = Output()
    do {
        try body(output)
    } catch {
        if !(error is OutputClosed) { try? output.flush() }
        throw error
    }
    try output.flush()
}

/// As `withOutput`, where what is reported stands already: an output that cannot be written does
/// not take it away, and the error says so.
/// - Parameter done: what is done, for the error.
func withOutput(after done: String, _ body: (Output) throws -> Void) throws {
    do { try withOutput(body) } catch let failure as Failure {
        throw Failure(failure.status, failure.message.map { "\(done), but \($0)" })
    }
}

private func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
    try bytes.withUnsafeBytes { bytes in
        var offset = 0
        while offset < bytes.count {
            let count = write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
            if count >= 0 {
                offset += count
            } else if errno == EPIPE {
                throw OutputClosed()
            } else if errno != EINTR {
                throw Failure(.unusable, "standard output cannot be written: \(systemError())")
            }
        }
    }
}

/// The last system call's error in words.
func systemError() -> String {
    String(cString: strerror(errno))
}

/// Prints an error as one line, without the control characters of what it quotes.
func printError(_ message: String) {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    try? writeAll(Array("gavel: \(printable(line))\n".utf8), to: STDERR_FILENO)
}

/// Says how far long work is, on a terminal's standard error only.
struct Progress {
    private let what: String
    private let isShown = isatty(STDERR_FILENO) == 1
    private var lastShown: ContinuousClock.Instant?

    init(_ what: String) { self.what = what }

    /// Shows a percentage, ten times a second at most.
    mutating func show(_ done: UInt64, of total: UInt64) {
        guard isShown, total > 0 else { return }
        let now = ContinuousClock.now
        if let lastShown, now - lastShown < .milliseconds(100) { return }
        lastShown = now
        let percent = min(100, Int(Double(done) / Double(total) * 100))
        try? writeAll(Array("\r\(what) \(percent) %".utf8), to: STDERR_FILENO)
    }

    /// Leaves the line empty for what comes next.
    mutating func clear() {
        guard lastShown != nil else { return }
        lastShown = nil
        try? writeAll(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO)
    }
}

/// Prints a line on a terminal's standard error: for people who wait, never for files.
func noteOnTerminal(_ line: String) {
    guard isatty(STDERR_FILENO) == 1 else { return }
    try? writeAll(Array("\(line)\n".utf8), to: STDERR_FILENO)
}
