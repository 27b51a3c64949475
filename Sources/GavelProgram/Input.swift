// Reading files and standard input, and cutting what was read into lines.
//
// Invariants: never more than a block and a line is held in memory; a line is handed out without
// its line feed; bytes after the last line feed are a line too.

package import GavelJSON
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whether something stands at a path, be it a link that leads nowhere.
package func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
}

/// A place in the input, as compilers write it.
package struct LinePlace: CustomStringConvertible {
    package let file: String
    /// From 1.
    package let line: Int

    package init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    package var description: String { "\(file):\(line)" }

    /// Ends the command because of this line.
    package func stop(_ reason: String) -> Failure { Failure(.stopped, "\(self): \(reason)") }
}

/// Cuts blocks into lines.
package struct LineSplitter {
    private var pending: [UInt8] = []
    /// How much of `pending` was handed out.
    private var start = 0
    /// How much of `pending` holds no line feed for sure.
    private var searched = 0

    /// The number of the last line handed out, from 1.
    package private(set) var lineNumber = 0

    package init() {}

    package mutating func append(_ block: [UInt8]) {
        if start > 0 {
            pending.removeSubrange(..<start)
            searched -= start
            start = 0
        }
        pending.append(contentsOf: block)
    }

    /// The next line that ended. A line that is longer than any command is handed out before its
    /// end: it is refused anyway, and nothing should make memory grow without bound.
    package mutating func next() -> [UInt8]? {
        if let end = pending[searched...].firstIndex(of: 0x0A) {
            let line = Array(pending[start..<end])
            start = end + 1
            searched = start
            lineNumber += 1
            return line
        }
        searched = pending.count
        return pending.count - start > commandLineBytesMax ? takeRest() : nil
    }

    /// What stands after the last line feed, if anything; for the end of the input.
    package mutating func takeRest() -> [UInt8]? {
        guard start < pending.count else { return nil }
        let line = Array(pending[start...])
        pending.removeAll()
        start = 0
        searched = 0
        lineNumber += 1
        return line
    }
}

/// Reads one line as a command; as `parseCommand`, but for lines that were cut off.
package func parseLine(
    _ line: [UInt8], allowing fields: EnvelopeFields
) throws(CommandError) -> ParsedCommand {
    guard line.count <= commandLineBytesMax else {
        throw CommandError("a line must have at most \(commandLineBytesMax) bytes")
    }
    return try parseCommand(line, allowing: fields)
}

/// Reads a small file whole.
/// - Throws: `Failure` naming the file.
package func readWholeFile(_ path: String) throws -> [UInt8] {
    do { return try FileSystem.readFile(path) } catch {
        throw Failure("\(path) cannot be read", error)
    }
}

/// A regular file that can be read more than once.
package final class InputFile {
    /// The unit of reading and of `ContentDigest`.
    package static let blockBytes = 1 << 20

    /// The path as the user gave it.
    package let path: String
    package let byteCount: UInt64
    private let descriptor: Int32

    /// - Throws: `Failure` naming the path when it cannot be read or is no regular file.
    package init(path: String) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure("\(path) cannot be read", errno: errno)
        }
        self.path = path
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        byteCount = isRegular ? UInt64(status.st_size) : 0
        guard isRegular else {
            throw Failure(
                .usage, "\(path) is not a regular file; an import reads its files twice")
        }
    }

    deinit { _ = close(descriptor) }

    /// Begins again at the first byte.
    package func rewind() { _ = lseek(descriptor, 0, SEEK_SET) }

    /// The next block: exactly `blockBytes`, except the last one, which is shorter and may be
    /// empty.
    package func nextBlock() throws -> [UInt8] { try next(Self.blockBytes) }

    /// The next bytes: as many as asked for, fewer only at the end.
    package func next(_ count: Int) throws -> [UInt8] {
        var block: [UInt8] = []
        while block.count < count {
            let more = try read(descriptor, bytesMax: count - block.count, path)
            if more.isEmpty { break }
            if block.isEmpty { block = more } else { block.append(contentsOf: more) }
        }
        return block
    }
}

/// Standard input, as it comes.
package struct StandardInput {
    /// What messages call it.
    package static let name = "stdin"
    private static let blockBytes = 1 << 18

    package init() {}

    /// Whether reading would not wait.
    package var isReady: Bool {
        var request = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, 0) != 0
    }

    /// What is there by now, waiting for the first byte.
    /// - Returns: nothing at the end of the input.
    package func nextBlock() throws -> [UInt8] {
        try read(STDIN_FILENO, bytesMax: Self.blockBytes, Self.name)
    }
}

private func read(_ descriptor: Int32, bytesMax: Int, _ name: String) throws -> [UInt8] {
    while true {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: bytesMax) { buffer, count in
            let result = read(descriptor, buffer.baseAddress, bytesMax)
            failure = result < 0 ? errno : 0
            count = max(0, result)
        }
        if failure == 0 { return bytes }
        guard failure == EINTR else {
            throw Failure("\(name) cannot be read", errno: failure)
        }
    }
}
