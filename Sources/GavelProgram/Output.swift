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
package struct OutputClosed: Error {}

/// A buffer before standard output. Used from one thread.
package final class Output {
    private static let bufferBytesMax = 1 << 16

    private var buffer: [UInt8] = []

    package init() { buffer.reserveCapacity(Self.bufferBytesMax) }

    /// Adds text; it is seen after `flush`.
    package func write(_ text: String) { buffer.append(contentsOf: text.utf8) }

    /// Adds bytes; they are seen after `flush`.
    package func write(_ bytes: [UInt8]) { buffer.append(contentsOf: bytes) }

    /// Writes out when enough has gathered. Called between lines.
    package func flushIfFull() throws {
        if buffer.count >= Self.bufferBytesMax { try flush() }
    }

    /// Writes out everything.
    /// - Throws: `OutputClosed`; `Failure` when the disk or device refuses.
    package func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        try writeAll(buffer, to: STDOUT_FILENO)
    }
}

/// Lends an output and flushes it, also when `body` throws.
package func withOutput(_ body: (Output) throws -> Void) throws {
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
package func withOutput(after done: String, _ body: (Output) throws -> Void) throws {
    do { try withOutput(body) } catch let failure as Failure {
        throw Failure(failure.status, failure.message.map { "\(done), but \($0)" })
    }
}

/// Writes bytes to a file descriptor, all of them.
/// - Throws: `OutputClosed`; `Failure` when the disk or device refuses.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
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
package func systemError() -> String {
    String(cString: strerror(errno))
}

/// Prints an error as one line, without the control characters of what it quotes.
/// - Parameter program: the command's name, which the line begins with.
package func printError(_ message: String, by program: String = "gavel") {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    try? writeAll(Array("\(program): \(printable(line))\n".utf8), to: STDERR_FILENO)
}
