// The checkpoints that are kept. They answer when an entry was first signed.
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
// is set aside, and none of those is written over.

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

    /// - Throws: what reading throws, where something is there that cannot be read.
    init(in store: any LedgerStore) throws {
        guard let bytes = try store.read(.keptCheckpoints) else {
            self.init()
            return
        }
        self.init(parsing: bytes)
    }

    /// The file.
    var bytes: [UInt8] {
        var bytes = Array("\(Self.header)\n".utf8)
        for checkpoint in checkpoints { bytes += [0x0A] + checkpoint.bytes }
        return bytes
    }

    /// Adds a checkpoint, unless one of as many entries is there, and writes the file.
    /// - Returns: where the file that stood there was set aside, because it is damaged.
    /// - Throws: what writing throws.
    @discardableResult
    mutating func add(
        _ checkpoint: SignedCheckpoint, in store: any LedgerStore, limits: Limits = Limits()
    ) throws -> String? {
        guard checkpoint.checkpoint.size > checkpoints.last?.checkpoint.size ?? 0 else {
            return nil
        }
        var aside: String?
        checkpoints.append(checkpoint)
        // Somebody may have removed the file: what is added to must have its first line.
        let rewrites =
            needsRewriting || !store.contains(.keptCheckpoints)
            || checkpoints.count > thinnedCount + limits.newest
        // A failure below is made good by the next one that is added.
        needsRewriting = true
        if rewrites {
            checkpoints = Self.thinned(checkpoints, limits)
            aside = try rewrite(store)
            thinnedCount = checkpoints.count
        } else {
            try store.append([0x0A] + checkpoint.bytes, to: .keptCheckpoints)
        }
        needsRewriting = false
        return aside
    }

    private mutating func rewrite(_ store: any LedgerStore) throws -> String? {
        let isAside = isDamaged && store.contains(.keptCheckpoints)
        let aside = isAside ? try store.setAside(.keptCheckpoints) : nil
        try store.write(.keptCheckpoints, bytes)
        isDamaged = false
        return aside
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
