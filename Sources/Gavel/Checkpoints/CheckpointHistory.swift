// The checkpoints that are kept: DIR/checkpoints/kept. They answer when an entry was first signed.
//
//      gavel-checkpoints/v1
//      for each, by size: an empty line, and the checkpoint file as it was signed
//
// A new one is added at the end. Once a thousand have been added the file is written anew without
// those that need not be kept: kept are the newest thousand, the last of every hour, and of the
// older ones the last of every day (UTC).
//
// Invariants: sizes rise from one to the next; the file is bounded; what was torn off its end by a
// crash is passed over, and nothing else rests on the file; a file in which something else is wrong
// is set aside as DIR/checkpoints/kept.damaged-1, -2 and so on, and none of those is written over.

internal import Logging
internal import Platform
internal import Synchronization

/// Checkpoints of one ledger, the oldest first.
struct CheckpointHistory: Sendable {
    /// How many are kept, at most.
    struct Limits: Sendable {
        /// All of the newest, and so many may be added before the file is thinned again.
        var newest = 1_000
        /// The last of each of so many hours: more than a year of them.
        var hours = 10_000
        /// The last of each of so many days: 27 years of them.
        var days = 10_000
    }

    private static let header = "gavel-checkpoints/v1"

    private(set) var checkpoints: [SignedCheckpoint] = []
    /// Whether there is something in the file that is no checkpoint, besides a torn end.
    private(set) var isDamaged = false
    /// Whether the file has to be written anew before something can be added.
    private var needsRewriting = false
    /// How many were left when the file was thinned last.
    private var thinnedCount = 0

    /// No checkpoints, and no file.
    init() { needsRewriting = true }

    /// Reads the file; whatever it is, what can be read of it is taken.
    init(parsing bytes: [UInt8]) {
        var lines = LineReader("the kept checkpoints", bytes)
        guard let header = try? lines.paragraph(),
            header.elementsEqual("\(Self.header)\n".utf8)
        else {
            isDamaged = true
            needsRewriting = true
            return
        }
        var text: [UInt8]?
        while !lines.isAtEnd {
            guard let paragraph = try? lines.paragraph() else { break }
            if paragraph.isEmpty { continue }
            guard paragraph.starts(with: "— ".utf8) else {
                if text != nil { isDamaged = true }
                text = paragraph
                continue
            }
            // Neither the text nor the signatures of a checkpoint hold an empty line.
            let signed = text.flatMap { try? SignedCheckpoint(parsing: $0 + [0x0A] + paragraph) }
            text = nil
            if let signed, signed.checkpoint.size > checkpoints.last?.checkpoint.size ?? 0 {
                checkpoints.append(signed)
            } else {
                isDamaged = true
            }
        }
        needsRewriting = isDamaged || text != nil || !lines.isAtEnd
        thinnedCount = Self.thinned(checkpoints, Limits()).count
    }

    /// - Throws: `FileError` where a file is there that cannot be read.
    init(at path: String) throws {
        guard FileSystem.exists(path) else {
            self.init()
            return
        }
        self.init(parsing: try FileSystem.readFile(path))
    }

    /// The file.
    var bytes: [UInt8] {
        var bytes = Array("\(Self.header)\n".utf8)
        for checkpoint in checkpoints { bytes += [0x0A] + checkpoint.bytes }
        return bytes
    }

    /// Adds a checkpoint, unless one of as many entries is there, and writes the file.
    /// - Returns: where the file that stood there was set aside, because it is damaged.
    /// - Throws: `FileError`.
    @discardableResult
    mutating func add(
        _ checkpoint: SignedCheckpoint, at path: String, limits: Limits = Limits()
    ) throws -> String? {
        guard checkpoint.checkpoint.size > checkpoints.last?.checkpoint.size ?? 0 else {
            return nil
        }
        var aside: String?
        checkpoints.append(checkpoint)
        // Somebody may have removed the file: what is added to must have its first line.
        let rewrites =
            needsRewriting || !FileSystem.exists(path)
            || checkpoints.count > thinnedCount + limits.newest
        // A failure below is made good by the next one that is added.
        needsRewriting = true
        if rewrites {
            checkpoints = Self.thinned(checkpoints, limits)
            aside = try rewrite(path)
            thinnedCount = checkpoints.count
        } else {
            try FileSystem.append(path, [0x0A] + checkpoint.bytes, mode: 0o644)
        }
        needsRewriting = false
        return aside
    }

    private mutating func rewrite(_ path: String) throws -> String? {
        let folder = FileSystem.parentDirectory(of: path) ?? "."
        try FileSystem.createDirectory(folder)
        // Left by a process that was killed.
        for name in try FileSystem.listDirectory(folder) where name.contains(".tmp-") {
            try? FileSystem.remove("\(folder)/\(name)")
        }
        var aside: String?
        if isDamaged, FileSystem.exists(path) {
            let number = (1...).first { !FileSystem.exists("\(path)\(Self.aside)-\($0)") }!
            aside = "\(path)\(Self.aside)-\(number)"
            try FileSystem.rename(path, to: aside!)
        }
        try FileSystem.writeFileAtomically(path, bytes, mode: 0o644)
        isDamaged = false
        return aside
    }

    /// What the name of a file that was set aside has more.
    private static let aside = ".damaged"

    /// The files that were set aside, each of which was damaged.
    /// - Parameter path: of the file of those that are kept.
    static func setAside(of path: String) -> [String] {
        let folder = FileSystem.parentDirectory(of: path) ?? "."
        return ((try? FileSystem.listDirectory(folder)) ?? []).map { "\(folder)/\($0)" }
            .filter { $0.hasPrefix(path + aside) }
    }

    /// Those that are kept.
    static func thinned(
        _ checkpoints: [SignedCheckpoint], _ limits: Limits
    ) -> [SignedCheckpoint] {
        var kept: [SignedCheckpoint] = []
        var (hours, days) = (0, 0)
        var (hourAfter, dayAfter): (UInt64?, UInt64?)
        for (age, checkpoint) in checkpoints.reversed().enumerated() {
            // One without a time counts to the first hour of all.
            let seconds = checkpoint.claimedSeconds ?? 0
            let (hour, day) = (seconds / 3_600, seconds / 86_400)
            let (isLastOfHour, isLastOfDay) = (hour != hourAfter, day != dayAfter)
            hours += isLastOfHour ? 1 : 0
            days += isLastOfDay ? 1 : 0
            (hourAfter, dayAfter) = (hour, day)
            if age < limits.newest || isLastOfHour && hours <= limits.hours
                || isLastOfDay && days <= limits.days
            {
                kept.append(checkpoint)
            }
        }
        return kept.reversed()
    }
}
