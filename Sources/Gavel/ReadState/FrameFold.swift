// The two halves of reading a frame back, side by side: hashing its entries into the tree and
// collecting their command ids, and folding them. They need nothing of each other.

internal import Dispatch
internal import Platform

enum FrameFold {
    /// Below this, waking a second thread costs more than it saves.
    private static let parallelEntriesMin = 512

    /// Hashes a frame's entries into `tree` while `fold` works on them.
    /// - Parameters:
    ///   - tiles: gets the tiles that are full now.
    ///   - ids: gets the command ids, where somebody wants them.
    /// - Throws: `LogFault` from reading offsets; what `fold` throws, which goes first.
    static func run(
        _ value: RawSpan, _ header: FrameHeader, tree: inout MerkleTree,
        tiles: inout ContiguousArray<TileRoot>, ids: inout CommandIDWindow?,
        fold: (RawSpan) throws -> Void
    ) throws {
        guard header.count >= parallelEntriesMin else {
            try fold(value)
            try header.hash(value, into: &tree) { tiles.append($0) }
            try ids?.insert(value, header)
            return
        }
        // Two iterations of one call, each with variables of its own: nothing is shared, and both
        // have ended when the call returns. The compiler cannot see that, hence the markings.
        nonisolated(unsafe) var hashed = tree
        nonisolated(unsafe) var completed = ContiguousArray<TileRoot>()
        nonisolated(unsafe) var collected: CommandIDWindow?
        unsafe swap(&collected, &ids)
        nonisolated(unsafe) var failures: (hash: (any Error)?, fold: (any Error)?)
        withoutActuallyEscaping(fold) { fold in
            nonisolated(unsafe) let fold = fold
            DispatchQueue.concurrentPerform(iterations: 2) { half in
                if half == 0 {
                    do {
                        unsafe try header.hash(value, into: &hashed) {
                            unsafe completed.append($0)
                        }
                        unsafe try collected?.insert(value, header)
                    } catch {
                        unsafe failures.hash = error
                    }
                } else {
                    do { unsafe try fold(value) } catch { unsafe failures.fold = error }
                }
            }
        }
        unsafe swap(&collected, &ids)
        if let failure = unsafe failures.fold ?? failures.hash { throw failure }
        unsafe tree = hashed
        unsafe tiles.append(contentsOf: completed)
    }
}

extension CommandIDWindow {
    /// Remembers the ids of a frame's entries.
    /// - Throws: `LogFault` from reading offsets.
    fileprivate mutating func insert(_ value: RawSpan, _ header: FrameHeader) throws {
        // Before this position no entry has an id above the horizon.
        guard header.endPosition > horizon.position else { return }
        for index in 0..<header.count {
            let id = try EntryLayout.commandID(value, try header.range(of: index, value))
            if id != .none { insert(id, at: header.firstPosition + UInt64(index)) }
        }
    }
}
