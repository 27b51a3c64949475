// A ledger in a folder: the log on LMDB, everything else in files of their own beside it.
//
// Invariants: the folder's path is taken from the root on when the store is made, so that a process
// that goes to another folder later still writes here; a file is replaced by renaming, so that
// whoever reads it sees the old or the new one, also after a crash; a ledger that is built gets its
// name last.

internal import AuctionDomain
public import Logging
internal import Platform
internal import Synchronization

/// A ledger kept in a folder of its own.
///
///     let ledger = try await Ledger.open(in: FolderStore(at: "/var/lib/house/ledger"))
public final class FolderStore: LedgerStore {
    let folder: LedgerFolder
    /// Held while a record is compared and replaced. Another process may come in between: then
    /// what it wrote is replaced, as with any file; a ledger's writer alone replaces all records
    /// but the one that witnesses cosign.
    private let replacing = Mutex(())
    /// How long the log's file may get where a ledger is copied to here.
    let mapBytes: Int?

    /// - Parameters:
    ///   - path: the folder; nothing is looked at yet.
    ///   - mapBytes: how long the log's file may get while a ledger is copied to here, address
    ///     space only; nil for as much as an opening takes, or twice what is copied. Whoever opens
    ///     the copy chooses anew.
    public convenience init(at path: String, mapBytes: Int? = nil) {
        self.init(LedgerFolder(path: path), mapBytes: mapBytes)
    }

    init(_ folder: LedgerFolder, mapBytes: Int? = nil) {
        self.folder = folder
        self.mapBytes = mapBytes
    }

    public var name: String { folder.name }
    public var folderPath: String? { folder.path }

    // MARK: The log

    public func openForReading() throws -> any LogReader {
        try folder.check(creates: false)
        guard !wasOpened else { return try LogFileReader(at: folder.log) }
        guard let log = try LogFileReader.begun(at: folder.log) else {
            throw LedgerError.notBegun(folder)
        }
        return log
    }

    public func openForWriting(_ opening: StoreOpening) throws -> any LogWriter {
        try folder.check(creates: opening.createsIfMissing)
        try FileSystem.createDirectory(folder.path)
        let file: WriterFile
        do { file = try WriterFile.acquire(at: folder.writer) } catch let held as WriterFile.Held {
            throw LedgerError(held, at: name)
        }
        if file.wasDamaged {
            opening.logger.warning(
                "the file that says who writes the ledger was damaged, and is made anew",
                metadata: ["file": "\(folder.writer)"])
        }
        do {
            let log = try FolderLog(
                at: folder.log, mapBytes: opening.mapBytes, resumesCreation: !wasOpened)
            try log.checkRoom()
            if !opening.createsIfMissing, try log.reader.entryCount == 0 {
                throw LedgerError.notBegun(folder)
            }
            folder.removeFormerSnapshots(opening.logger)
            folder.removeTemporaries()
            // What a copy left becomes a ledger like others for whoever writes to it.
            if !opening.isBuilding { folder.removeMark() }
            return try FolderWriter(log, file, folder)
        } catch {
            file.release()
            throw error
        }
    }

    public func writerStatus() throws -> WriterStatus? {
        guard let status = try WriterFile.read(at: folder.writer) else { return nil }
        return WriterStatus(
            isHeld: status.isHeld, process: status.pid, durableCount: status.durableCount)
    }

    // MARK: Records

    public func contains(_ record: StoreRecord) -> Bool { FileSystem.exists(path(of: record)) }

    public func read(_ record: StoreRecord, upTo byteCount: Int) throws -> [UInt8]? {
        let file = NamedFile(path(of: record), .checkpoint)
        return try file.read(upTo: byteCount) { throw StoreRecord.Unreadable("it is no file") }
    }

    public func replace(
        _ record: StoreRecord, _ old: [UInt8]?, by new: [UInt8]?
    ) throws -> Bool {
        try replacing.withLock { _ in
            guard try read(record, upTo: .max) == old else { return false }
            let path = path(of: record)
            if let new {
                try makeParent(of: record)
                try FileSystem.writeFileAtomically(
                    path, new, mode: record.isSecret ? 0o600 : 0o644)
            } else if old != nil {
                try FileSystem.remove(path)
            }
            return true
        }
    }

    public func append(_ bytes: [UInt8], to record: StoreRecord) throws {
        try FileSystem.append(path(of: record), bytes, mode: record.isSecret ? 0o600 : 0o644)
    }

    public func setAside(_ record: StoreRecord) throws -> String {
        let path = path(of: record)
        let number = (1...).first { !FileSystem.exists("\(path)\(Self.aside)-\($0)") }!
        try FileSystem.rename(path, to: "\(path)\(Self.aside)-\(number)")
        return "\(place(of: record))\(Self.aside)-\(number)"
    }

    public func recordsSetAside(of record: StoreRecord) -> [String] {
        let path = path(of: record)
        let parent = FileSystem.parentDirectory(of: path) ?? "."
        return ((try? FileSystem.listDirectory(parent)) ?? []).map { "\(parent)/\($0)" }
            .filter { $0.hasPrefix(path + Self.aside) }
            .map { place(of: record) + $0.dropFirst(path.count) }
    }

    public func place(of record: StoreRecord) -> String { "\(name)/\(record.rawValue)" }

    /// What the name of a file that was set aside has more.
    private static let aside = ".damaged"

    private func path(of record: StoreRecord) -> String { "\(folder.path)/\(record.rawValue)" }

    /// Makes the folder that a record is in, and removes what a process that was killed left in it.
    private func makeParent(of record: StoreRecord) throws {
        guard let parent = FileSystem.parentDirectory(of: path(of: record)), parent != folder.path
        else { return }
        try FileSystem.createDirectory(parent)
        for name in try FileSystem.listDirectory(parent) where name.contains(".tmp-") {
            try? FileSystem.remove("\(parent)/\(name)")
        }
    }

    // MARK: Snapshots

    public func snapshots() -> [UInt64] {
        ((try? FileSystem.listDirectory(folder.snapshots)) ?? []).compactMap(
            Self.entryCount(ofName:))
    }

    public func readSnapshot<Result>(
        of entryCount: UInt64, _ body: (_ read: (Int, Int) throws -> [UInt8]) throws -> Result
    ) throws -> Result? {
        let path = path(ofSnapshot: entryCount)
        guard FileSystem.exists(path) else { return nil }
        let file = try FileReader(path)
        return try body { try file.read(at: $0, byteCount: $1) }
    }

    public func writeSnapshot(
        of entryCount: UInt64,
        _ body: (_ write: @escaping (RawSpan, Int) throws -> Void) throws -> Void
    ) throws {
        try FileSystem.createDirectory(folder.snapshots)
        let file = try FileWriter(replacing: path(ofSnapshot: entryCount))
        try body { try file.write($0, at: $1) }
        try file.finish()
    }

    public func removeSnapshots(except kept: Set<UInt64>) {
        for name in (try? FileSystem.listDirectory(folder.snapshots)) ?? [] {
            if let count = Self.entryCount(ofName: name), kept.contains(count) { continue }
            // What cannot be removed is in nobody's way.
            try? FileSystem.remove("\(folder.snapshots)/\(name)")
        }
    }

    private func path(ofSnapshot entryCount: UInt64) -> String {
        "\(folder.snapshots)/\(Self.name(entryCount))"
    }

    /// 20 digits, so that names stand in order.
    private static func name(_ entryCount: UInt64) -> String {
        let digits = String(entryCount)
        return String(repeating: "0", count: 20 - digits.count) + digits
    }

    private static func entryCount(ofName name: String) -> UInt64? {
        guard name.utf8.count == 20, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt64(name)
    }

    // MARK: The whole

    public func build(_ logger: Logger, _ body: (any LedgerStore) throws -> Void) throws {
        try requireAbsent(name)
        let building = LedgerFolder(path: name + ".copying")
        let lock = try building.beginBuilding()
        // Until the ledger has its name.
        defer { withExtendedLifetime(lock) {} }
        do {
            try body(FolderStore(building, mapBytes: mapBytes))
            try FileSystem.syncDirectory(building.path)
            try building.endBuilding(at: name, logger)
        } catch {
            try? building.discard()
            throw error
        }
    }
}

/// The right to write a folder's ledger, and its log.
///
/// Within one opening the ledger is the folder, the log's file and the writer's file that were
/// opened, whatever they are called: where another stands in the place of one of them, somebody has
/// moved or replaced the ledger, and this object writes it no more.
private final class FolderWriter: LogWriter {
    private let log: FolderLog
    private let file: WriterFile
    private let folder: LedgerFolder
    private let identities: [(path: String, identity: FileIdentity)]
    let lastHeartbeat: Heartbeat?

    /// - Throws: `FileError` where a file that was just opened is not there any more.
    init(_ log: FolderLog, _ file: WriterFile, _ folder: LedgerFolder) throws {
        self.log = log
        self.file = file
        self.folder = folder
        lastHeartbeat = file.lastHeartbeat.flatMap(Heartbeat.init)
        identities = try [folder.path, folder.data, folder.writer].map { path in
            guard let identity = try FileIdentity(of: path) else {
                throw LedgerError(.storage, "\(path) was removed while it was opened")
            }
            return (path, identity)
        }
    }

    let framesInFlightMax = 2
    var entryCount: UInt64 { get throws { try log.reader.entryCount } }
    var keepsTileRoots: Bool { log.reader.keepsTileRoots }
    var storage: LogStorage? { log.storage }

    /// What is free where the ledger is, and what is left of the length that the log's file may
    /// have.
    var freeBytes: Int? {
        guard let onDisk = try? FileSystem.freeBytes(at: folder.path) else { return nil }
        return min(onDisk, log.storage.map { max(0, $0.mapBytes - $0.usedBytes) } ?? .max)
    }

    func forEachFrame(from position: UInt64, _ body: (RawSpan) throws -> Bool) throws {
        try log.reader.forEachFrame(from: position, body)
    }
    func forEachHeader(from position: UInt64, _ body: (FrameHeader) throws -> Bool) throws {
        try log.reader.forEachHeader(from: position, body)
    }
    func forEachEntry(
        in positions: Range<UInt64>,
        _ body: (FrameHeader, RawSpan, Range<Int>, UInt64) throws -> Bool
    ) throws {
        try log.reader.forEachEntry(in: positions, body)
    }
    func tileRoots(endingWith tile: UInt64) throws -> [LedgerHash]? {
        try log.reader.tileRoots(endingWith: tile)
    }
    func forEachTile(in tiles: Range<UInt64>, _ body: (UInt64, [LedgerHash]) throws -> Void) throws
    {
        try log.reader.forEachTile(in: tiles, body)
    }
    func append(_ frames: [SealedFrame]) throws(StoreFailure) { try log.append(frames) }
    func replaceTiles(by tiles: StoredTiles) throws { try log.replaceTiles(by: tiles) }
    func copy(to store: any LedgerStore) throws { try log.reader.copy(to: store) }
    func publish(durableCount: UInt64) throws { try file.publishDurable(durableCount) }
    func publish(epoch: UInt64) throws { try file.setEpoch(epoch) }
    func publish(_ heartbeat: Heartbeat) throws { try file.publish(heartbeat.stored) }

    func check() throws(StoreFailure) {
        for (path, identity) in identities {
            let now: FileIdentity?
            // What cannot be looked at for a moment is not taken for gone.
            do { now = try FileIdentity(of: path) } catch { continue }
            guard now != identity else { continue }
            throw .fenced(
                now == nil
                    ? "\(path) is not there any more: the ledger was moved or removed while it "
                        + "was open"
                    : "\(path) is another one than the one that was opened: the ledger was moved "
                        + "or replaced while it was open")
        }
    }

    func close() {
        log.close()
        file.release()
    }
}
