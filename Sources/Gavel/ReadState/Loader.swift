// Opening: the newest usable snapshot, then every later entry of the log.
//
// Invariants: what is loaded is the fold of the log's first `limit` entries; each frame of which
// more is read than its header is hashed and its root compared, so the tail is verified at every
// open, and what command ids are known by; a snapshot that does not fit the log is passed over,
// never trusted.

internal import AuctionDomain
internal import Logging
internal import Platform

/// What opening a log gives.
struct Loaded {
    var readState: ReadState
    var tree: MerkleTree
    /// The tiles that became full in what was replayed.
    var tiles = ContiguousArray<TileRoot>()
    /// Of the last frame.
    var frameNumber: UInt64
    var horizon: CommandHorizon
    /// How many entries the snapshot reflected.
    var snapshotCount: UInt64
    /// The command ids of the snapshot and of what was replayed, where they were asked for.
    var ids: CommandIDWindow?
}

struct Loader {
    let log: any LogReader
    let snapshots: StoredSnapshots?
    let logger: Logger

    /// Where replay stops.
    enum Limit {
        case entries(UInt64)
        /// The last entry not after a time, of so many.
        case time(Timestamp, entries: UInt64)
        case none

        func allows(_ point: EntryPoint) -> Bool {
            switch self {
            case .entries(let count): point.position < count
            case .time(let time, let count): point.time <= time && point.position < count
            case .none: true
            }
        }
    }

    /// Loads the state up to a limit.
    /// - Throws: `LogFault` when the log is damaged; what reading throws.
    func load(upTo limit: Limit) throws -> Loaded { try load(upTo: limit, window: nil) }

    /// Loads all that the log has, and the command ids that lie at or above its last horizon: what
    /// whoever goes on writing it needs. Nobody else may be writing.
    /// - Parameter window: makes an empty window of command ids above a horizon.
    /// - Throws: as `load(upTo:)`.
    func load(
        ids window: (CommandHorizon) -> CommandIDWindow
    ) throws -> (loaded: Loaded, ids: CommandIDWindow) {
        let empty = window(try lastHorizon())
        let loaded = try load(upTo: .none, window: empty)
        return (loaded, loaded.ids ?? empty)
    }

    private func load(upTo limit: Limit, window: consuming CommandIDWindow?) throws -> Loaded {
        var loaded =
            try snapshot(upTo: limit, window != nil)
            ?? Loaded(
                readState: ReadState(), tree: MerkleTree(), frameNumber: 0,
                horizon: CommandHorizon(), snapshotCount: 0)
        if let ids = loaded.ids { window?.takeOver(ids) }
        loaded.ids = window
        var entry = DecodedEntry()
        try log.forEachFrame(from: loaded.readState.entryCount) { value in
            let header = try FrameHeader(value)
            let count = loaded.readState.entryCount
            if header.firstPosition == count {
                return try replay(value, header, &loaded, &entry, limit)
            }
            // The last frame again: there is no later one.
            guard header.endPosition == count else {
                throw LogFault(
                    "entry \(count) is followed by a frame that begins at "
                        + "\(header.firstPosition)")
            }
            loaded.frameNumber = header.number
            loaded.horizon = header.horizon
            return true
        }
        return loaded
    }

    private func lastHorizon() throws -> CommandHorizon {
        let count = try log.entryCount
        var horizon = CommandHorizon()
        if count > 0 {
            try log.forEachHeader(from: count - 1) { header in
                horizon = header.horizon
                return false
            }
        }
        return horizon
    }

    /// Replays one frame.
    /// - Returns: false when the limit was reached within it.
    private func replay(
        _ value: RawSpan, _ header: FrameHeader, _ loaded: inout Loaded,
        _ entry: inout DecodedEntry, _ limit: Limit
    ) throws -> Bool {
        var isWithinLimit = true
        try FrameFold.run(
            value, header, tree: &loaded.tree, tiles: &loaded.tiles, ids: &loaded.ids
        ) { value in
            isWithinLimit = try loaded.readState.apply(
                header.count, in: value, using: &entry,
                range: { index throws(LogFault) in try header.range(of: index, value) },
                isWanted: { limit.allows($1.point) })
        }
        // Also of a frame that is not taken in whole: what was taken is of it.
        guard loaded.tree.root == header.root else {
            throw LogFault(rootOf: header)
        }
        guard isWithinLimit else { return false }
        guard loaded.readState.state.ledgerID == header.ledgerID else {
            throw LogFault("frame \(header.number) belongs to another ledger")
        }
        loaded.frameNumber = header.number
        loaded.horizon = header.horizon
        return true
    }

    /// Compares the tree that was loaded with the one that the stored roots of tiles and the last,
    /// partial tile give.
    /// - Throws: `LogFault` when they differ.
    func checkTiles(_ loaded: Loaded) throws {
        let stored = LogTree(of: log, size: loaded.readState.entryCount)
        guard try stored.tree(of: stored.size) == loaded.tree else {
            throw LogFault(
                "the stored roots of tiles do not follow from the entries: "
                    + "\(AdvisedCommand.rebuild.line()) makes them anew")
        }
    }

    /// The newest snapshot that fits the log and lies within the limit.
    private func snapshot(upTo limit: Limit, _ withIDs: Bool) throws -> Loaded? {
        guard let snapshots else { return nil }
        for header in snapshots.found() {
            guard let frame = try frame(endingAt: header.entryCount),
                frame.ledgerID == header.ledgerID, frame.root == header.tree.root
            else {
                logger.warning(
                    "a snapshot does not fit the log and is passed over",
                    metadata: ["entries": "\(header.entryCount)"])
                continue
            }
            switch limit {
            case .entries(let count) where header.entryCount > count: continue
            case .time(let time, let count)
            where frame.lastTime > time || header.entryCount > count:
                continue
            default: break
            }
            do {
                let horizon = withIDs ? frame.horizon : nil
                guard let content = try snapshots.load(header, idsFrom: horizon) else { continue }
                let state = content.readState.state
                guard state.time == frame.lastTime, state.epoch == frame.epoch else {
                    throw LogFault("the snapshot's time and epoch are not those of its frame")
                }
                return Loaded(
                    readState: content.readState, tree: header.tree,
                    frameNumber: frame.number, horizon: frame.horizon,
                    snapshotCount: header.entryCount, ids: content.ids)
            } catch {
                // Whatever is wrong with it: the log has everything.
                logger.warning(
                    "a snapshot is damaged and is passed over", metadata: ["why": "\(error)"])
            }
        }
        return nil
    }

    private func frame(endingAt count: UInt64) throws -> FrameHeader? {
        guard count > 0 else { return nil }
        var found: FrameHeader?
        try log.forEachHeader(from: count - 1) { header in
            if header.endPosition == count { found = header }
            return false
        }
        return found
    }
}

extension LogFault {
    /// The entries of a frame do not have the root that the frame says.
    fileprivate init(rootOf header: FrameHeader) {
        self.init(
            "the entries of frame \(header.number), from position \(header.firstPosition) on, do "
                + "not have the root that the frame says")
    }
}

extension EntryLayout {
    /// The command id of an entry, without decoding the rest.
    /// - Throws: `LogFault` where the entry is too short to have one.
    static func commandID(_ value: RawSpan, _ range: Range<Int>) throws(LogFault) -> CommandID {
        guard range.count >= headerBytes else {
            throw LogFault("an entry is shorter than its header")
        }
        let start = range.lowerBound
        return CommandID(
            high: value.load(UInt64.self, at: start + 24).byteSwapped,
            low: value.load(UInt64.self, at: start + 32).byteSwapped)
    }
}
