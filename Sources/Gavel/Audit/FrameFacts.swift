// What the entries of one frame say on their own, without the frames before it.

internal import AuctionDomain
internal import Platform

/// What a frame's entries say on their own.
struct FrameFacts: Sendable {
    var run = MerkleRun.none
    var firstTime = Timestamp.zero
    var lastTime = Timestamp.zero
    /// What the last entry of its kind says; nil where there is none.
    var epoch: UInt32?
    var ledgerID: LedgerID?
    /// What entries say about keys, in order; nil where the ledger got another name.
    var keyChanges: [KeyRotation?] = []
    /// The first entry that is not sound.
    var fault: (position: UInt64, reason: String)?

    static func of(_ frames: ArraySlice<CopiedFrame>) -> [FrameFacts] {
        var entry = DecodedEntry()
        return frames.map { frame in
            withBytes(of: frame.bytes) { FrameFacts($0, frame.header, &entry) }
        }
    }

    init(_ value: RawSpan, _ header: FrameHeader, _ entry: inout DecodedEntry) {
        var time = Timestamp(nanoseconds: .min)
        for index in 0..<header.count {
            let position = header.firstPosition + UInt64(index)
            do throws(LogFault) {
                try entry.decode(value, in: try header.range(of: index, value))
                guard entry.point.position == position else {
                    throw LogFault("an entry says position \(entry.point.position)")
                }
                guard entry.point.time >= time else {
                    throw LogFault("the time falls after the entry before")
                }
                try entry.checkID()
                if entry.bid == nil { try entry.checkRotation(of: header.ledgerID) }
            } catch {
                fault = (position, error.reason)
                return
            }
            time = entry.point.time
            if index == 0 { firstTime = time }
            if entry.bid == nil {
                note(entry.command)
                if let change = entry.keyChange { keyChanges.append(change) }
            }
        }
        lastTime = time
        run = header.run(value)
    }

    /// What is wrong with a frame by its bytes alone: the first entry that is not sound, or else
    /// that it does not have the root it says.
    /// - Parameter tree: over the entries before it.
    static func damage(
        of value: RawSpan, _ header: FrameHeader, after tree: MerkleTree
    ) -> (position: UInt64, reason: String)? {
        var entry = DecodedEntry()
        let facts = FrameFacts(value, header, &entry)
        if let fault = facts.fault { return fault }
        var tree = tree
        for subtree in facts.run.subtrees { tree.append(subtree) }
        return tree.root == header.root ? nil : (header.firstPosition, header.rootFault.reason)
    }

    private mutating func note(_ command: CanonicalCommand) {
        switch command.engineAct {
        case .creates(let id): ledgerID = id
        case .restores(let restoration): ledgerID = restoration.ledger
        case .opens(let epoch, _): self.epoch = epoch
        case .closes, .rotates, .extends, nil: break
        }
    }
}

extension DecodedEntry {
    /// Another key, or nil in it where the ledger got another name; nil where nothing changes.
    var keyChange: KeyRotation?? {
        switch command.engineAct {
        case .rotates(let rotation): .some(rotation)
        case .restores: .some(nil)
        case .creates, .opens, .closes, .extends, nil: nil
        }
    }

    /// An entry has a command id, unless the engine wrote it.
    /// - Throws: `LogFault` when it has none, or one of another kind.
    func checkID() throws(LogFault) {
        guard id != .none else {
            guard actor == .system else { throw LogFault("an entry has no command id") }
            return
        }
        guard id.isVersion7 else { throw LogFault("a command id is no UUID version 7") }
    }

    /// Another key signs only if the former one has signed that.
    /// - Throws: `LogFault` when the entry says so without.
    func checkRotation(of ledger: LedgerID) throws(LogFault) {
        guard case .rotateKey(let rotation) = command else { return }
        guard rotation.isSigned(of: ledger) else {
            throw LogFault("another key is named, but the former one has not signed that")
        }
    }
}

extension FrameHeader {
    /// What is said of a frame whose entries hash to another root.
    var rootFault: LogFault {
        LogFault(
            "the entries from here to \(endPosition - 1), one frame, do not have the root it says")
    }
}
