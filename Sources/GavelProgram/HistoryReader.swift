// The lines of a history's files, read in order and checked as an import needs them.
//
// Invariants: every line handed out has a time, not before the one before it and not after `now`,
// and a command id; what the second reading gives is what the first one hashed.

package import Gavel
import GavelJSON

/// A fingerprint of files' contents and of where one ends and the next begins.
///
/// A chain over blocks, each hashed with the hash before it: a file's last block is the only one
/// shorter than `InputFile.blockBytes`, so no two lists of files give the same chain of blocks.
package struct ContentDigest: Equatable {
    package private(set) var digest = LedgerHash.empty

    package init() {}

    /// Reads all files once.
    package init(of files: [InputFile]) throws {
        var progress = Progress("reading")
        defer { progress.clear() }
        let byteCount = files.reduce(0) { $0 + $1.byteCount }
        var done: UInt64 = 0
        for file in files {
            file.rewind()
            while true {
                let block = try file.nextBlock()
                add(block)
                done += UInt64(block.count)
                progress.show(done, of: byteCount)
                if block.count < InputFile.blockBytes { break }
            }
        }
    }

    package mutating func add(_ block: [UInt8]) {
        digest = LedgerHash(of: digest.bytes + block)
    }
}

/// One line of a history.
package struct HistoryLine {
    package let submission: Submission
    package let time: Timestamp
}

/// Walks through the files.
package struct HistoryReader {
    private let files: [InputFile]
    private let now: Timestamp
    private var fileIndex = 0
    private var splitter = LineSplitter()
    private var isFileRead = false
    private var time = Timestamp.zero
    private let expectedDigest: ContentDigest
    private var digest = ContentDigest()
    /// How many lines stand before each file that was begun.
    private var linesBefore = [0]
    package private(set) var bytesRead: UInt64 = 0
    package let byteCount: UInt64
    /// How many lines were handed out.
    package private(set) var lineCount = 0

    /// - Parameters:
    ///   - digest: what the first reading gave.
    ///   - now: the wall clock's time, read once.
    package init(_ files: [InputFile], hashedTo digest: ContentDigest, now: Timestamp) {
        self.files = files
        expectedDigest = digest
        self.now = now
        byteCount = files.reduce(0) { $0 + $1.byteCount }
        files.first?.rewind()
    }

    /// Where a line stands that was handed out, counted from 0 over all files.
    package func place(ofLine index: Int) -> LinePlace {
        let file = linesBefore.lastIndex { $0 <= index } ?? 0
        return LinePlace(file: files[file].path, line: index - linesBefore[file] + 1)
    }

    /// The next line; nil after the last one.
    /// - Throws: `Failure` naming the line.
    package mutating func next() throws -> HistoryLine? {
        while fileIndex < files.count {
            if let line = splitter.next() { return try take(line) }
            if !isFileRead {
                let block = try files[fileIndex].nextBlock()
                bytesRead += UInt64(block.count)
                digest.add(block)
                splitter.append(block)
                isFileRead = block.count < InputFile.blockBytes
            } else if let rest = splitter.takeRest() {
                return try take(rest)
            } else {
                beginNextFile()
            }
        }
        guard lineCount > 0 else {
            throw LinePlace(file: files[0].path, line: 1).stop("the history has no line")
        }
        guard digest == expectedDigest else {
            throw place(ofLine: lineCount - 1).stop("a file changed while it was being read")
        }
        return nil
    }

    private mutating func beginNextFile() {
        fileIndex += 1
        guard fileIndex < files.count else { return }
        files[fileIndex].rewind()
        linesBefore.append(lineCount)
        splitter = LineSplitter()
        isFileRead = false
    }

    private mutating func take(_ line: [UInt8]) throws -> HistoryLine {
        let place = LinePlace(file: files[fileIndex].path, line: splitter.lineNumber)
        let parsed: ParsedCommand
        do {
            parsed = try parseLine(line, allowing: .history)
        } catch {
            throw place.stop(error.description)
        }
        guard let at = parsed.at else {
            throw place.stop("missing field \"at\", the time at which the command happened")
        }
        guard at >= time else {
            throw place.stop(
                "at must not be before \(time.rfc3339) of the line before, but is \(at.rfc3339)")
        }
        guard at <= now else {
            throw place.stop(
                "at must not lie in the future (it is \(now.rfc3339)), but is \(at.rfc3339)")
        }
        time = at
        lineCount += 1
        let id =
            parsed.id
            ?? .derived(at: at, file: fileIndex, line: splitter.lineNumber, content: line)
        let submission = Submission(
            id: id, actor: parsed.actor ?? .operator, command: parsed.command)
        return HistoryLine(submission: submission, time: at)
    }
}
