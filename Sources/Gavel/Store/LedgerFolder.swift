// The folder a ledger is: DIR/log, DIR/snapshots, DIR/writer, DIR/key, DIR/secret,
// DIR/checkpoint, DIR/checkpoints, and what a service keeps beside them.

internal import Logging
internal import Platform

/// The paths within a ledger.
package struct LedgerFolder: Hashable, Sendable {
    /// As somebody named it: for messages, and for commands that they advise.
    let name: String
    /// From the root on: a process that goes to another folder later still means this one.
    let path: String

    package init(path: String) {
        name = path
        self.path = FileSystem.absolutePath(path)
    }

    var log: String { path + "/log" }
    /// The log's file.
    var data: String { log + "/data.mdb" }
    var snapshots: String { path + "/snapshots" }
    /// Where snapshots were kept by versions before this one, in a file of LMDB's.
    private var formerSnapshots: String { path + "/projections" }
    package var writer: String { path + "/writer" }
    /// Stands in a folder for as long as a copy, an import or a restore builds a ledger in it, and
    /// holds the folder's own name then: under another one, the ledger stands in its place.
    private var unfinished: String { path + "/unfinished" }

    /// A service's own affair; known here so that nobody takes the folder for another's.
    package var accounts: String { path + "/accounts" }

    private static let names: Set<String> = [
        "log", "snapshots", "projections", "accounts", "writer", "key", "key.next", "secret",
        "checkpoint", "checkpoint.witnessed", "checkpoints", "unfinished",
    ]

    /// Whether there is a ledger: its log has a data file.
    var exists: Bool { FileSystem.exists(data) }

    /// The ledger whose folder a path is inside of, whatever its name is there.
    /// - Parameter path: from the root on, without links.
    static func owner(of path: String) -> String? {
        var name = path[...]
        while let slash = name.lastIndex(of: "/") {
            name = name[..<slash]
            if LedgerFolder(path: String(name)).exists { return String(name) }
        }
        return nil
    }

    /// The ledger whose folder a path will be inside of.
    /// - Parameter path: as somebody named it; the last folders may be missing.
    /// - Throws: `FileError` where a folder on the way cannot be looked into.
    static func owner(ofNamed path: String) throws -> String? {
        owner(of: try fullPath(path))
    }

    /// A path from the root on, without links, as far as it is there, and without `..`: what is
    /// missing will be made as folders, not as links.
    private static func fullPath(_ path: String) throws -> String {
        if FileSystem.exists(path) { return try FileSystem.resolvedPath(path) }
        guard let parent = FileSystem.parentDirectory(of: path), parent != path else { return path }
        let folder = try fullPath(parent)
        switch path.split(separator: "/").last ?? "." {
        case ".": return folder
        case "..": return FileSystem.parentDirectory(of: folder) ?? "/"
        case let name:
            let full = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
            return FileSystem.exists(full) ? try FileSystem.resolvedPath(full) : full
        }
    }

    /// Checks that a folder may be written into: that it is no ledger, and inside of none's own.
    /// - Throws: `NamedFileError.refused`.
    package static func checkOutside(_ path: String) throws(NamedFileError) {
        let owner: String?
        do {
            owner = LedgerFolder(path: path).exists ? path : try Self.owner(ofNamed: path)
        } catch { throw .refused("\(path) cannot be written: \(error)") }
        if let owner { throw .refused("\(path) belongs to the ledger in \(owner)") }
    }

    /// Begins a ledger beside its place, after what an interrupted copy or import left there is
    /// removed.
    /// - Returns: what keeps others from building here as well, for as long as it is kept.
    /// - Throws: `LedgerError` with `heldByWriter` where somebody builds here; as
    ///   `removeLeftover`.
    func beginBuilding() throws -> FileLock {
        try removeLeftover()
        try FileSystem.createDirectory(path)
        guard let lock = try FileLock.acquire(unfinished) else { throw isBeingBuilt }
        do {
            try lock.write(Array(lastName.utf8))
            try FileSystem.syncDirectory(path)
        } catch {
            try? discard()
            throw error
        }
        return lock
    }

    private var isBeingBuilt: LedgerError {
        LedgerError(.heldByWriter, "\(name) is being made by another process")
    }

    /// The last part of the path.
    private var lastName: Substring { path.split(separator: "/").last ?? "" }

    /// Whether an interrupted copy or import left the folder.
    private func isLeftover() throws -> Bool {
        guard FileSystem.exists(unfinished) else {
            // Interrupted before it could say so, or while it was removed.
            return try FileSystem.listDirectory(path).allSatisfy {
                $0.hasPrefix("unfinished.tmp-")
            }
        }
        let mark = try FileSystem.readFile(unfinished)
        // Former versions left it empty, and so does a crash while it is written.
        return lastName.utf8.starts(with: mark)
    }

    /// Removes what was built, or what is left of it. The mark goes last, so that whoever is
    /// interrupted here leaves what the next one may remove.
    func discard() throws {
        for entry in try FileSystem.listDirectory(path) where entry != "unfinished" {
            try FileSystem.remove("\(path)/\(entry)")
        }
        try FileSystem.remove(path)
    }

    /// Removes what an interrupted copy or import left.
    /// - Throws: `alreadyExists` where something else stands there: it is somebody's own, also
    ///   where it is a ledger, which may well be named so; `heldByWriter` where somebody is still
    ///   at work on it.
    func removeLeftover() throws {
        guard let kind = try FileSystem.kind(of: path, followingLinks: false) else { return }
        guard kind == .directory, try isLeftover() else {
            throw LedgerError(
                .alreadyExists,
                "\(name) is in the way, and is not what an interrupted copy left there: move it "
                    + "away, or remove it if it is not needed")
        }
        guard FileSystem.exists(unfinished) else { return try discard() }
        guard let lock = try FileLock.acquire(unfinished) else { throw isBeingBuilt }
        // Nobody begins to build here before everything is gone.
        try withExtendedLifetime(lock) { try discard() }
    }

    /// Puts what was built in its place: the last step of an import, a copy and a restore. All of
    /// it is durable already. Until the name is there, nothing stands in the place, and whatever
    /// fails is thrown; from then on the ledger stands, whole, and nothing is a failure any more.
    /// - Parameter target: the place; nothing is there.
    /// - Throws: `FileError` where the name could not be given.
    func endBuilding(at target: String, _ logger: Logger) throws {
        try FileSystem.move(path, to: target)
        do { try FileSystem.syncDirectory(FileSystem.parentDirectory(of: target) ?? ".") } catch {
            logger.warning(
                "the ledger is complete, but a crash of the machine may still take away its name",
                metadata: ["ledger": "\(target)", "why": "\(error)"])
        }
        LedgerFolder(path: target).removeMark()
    }

    /// Makes what was built a ledger like others, whatever its name.
    func removeMark() {
        // What stays says another folder's name, and whoever opens the ledger tries again.
        if FileSystem.exists(unfinished) { try? FileSystem.remove(unfinished) }
    }

    /// Removes what a crash left of files that only the ledger's writer replaces: among them copies
    /// of its key.
    func removeTemporaries() {
        let replaced = ["key", "key.next", "secret", "checkpoint"]
        for name in (try? FileSystem.listDirectory(path)) ?? []
        where replaced.contains(where: { name.hasPrefix("\($0).tmp-") }) {
            // What cannot be removed is in nobody's way.
            try? FileSystem.remove("\(path)/\(name)")
        }
    }

    /// Removes the snapshots of a former version: the next ones stand elsewhere.
    func removeFormerSnapshots(_ logger: Logger) {
        guard FileSystem.exists(formerSnapshots) else { return }
        logger.notice(
            "the snapshots of a former version are removed; new ones are made of the log",
            metadata: ["folder": "\(formerSnapshots)"])
        // What cannot be removed is in nobody's way.
        try? FileSystem.remove(formerSnapshots)
    }

    /// Checks that a ledger may be opened here.
    /// - Throws: `notFound`; `foreign` when something else stands there; `invalidConfiguration`
    ///   where the path is empty.
    package func check(creates: Bool) throws(LedgerError) {
        guard !name.isEmpty else { throw .emptyPath }
        let isThere: Bool
        do { isThere = try FileSystem.kind(of: data) != nil } catch {
            throw LedgerError(error, while: "looking for the ledger at \(name)")
        }
        if isThere {
            guard !creates, !FolderStore(self).wasOpened else { return }
            // Where it cannot be told, opening says why.
            if LogFileReader.isUnborn(at: log) { throw .notBegun(self) }
            return
        }
        guard FileSystem.exists(path) else {
            if creates { return try checkOutsideOthers() }
            throw LedgerError(.notFound, "there is no ledger at \(name)")
        }
        let names = (try? FileSystem.listDirectory(path)) ?? []
        // What an interrupted creation leaves behind may be taken up again.
        let isOurs = names.allSatisfy(Self.names.contains)
        guard FileSystem.isDirectory(path), isOurs else {
            throw LedgerError(.foreign, "\(name) is not a ledger")
        }
        if !creates { throw LedgerError(.notFound, "there is no ledger at \(name)") }
        try checkOutsideOthers()
    }

    /// Checks that a ledger that is made here is not inside another one.
    private func checkOutsideOthers() throws(LedgerError) {
        do {
            guard let ledger = try Self.owner(ofNamed: path) else { return }
            throw LedgerError(.alreadyExists, "\(name) belongs to the ledger in \(ledger)")
        } catch { throw LedgerError(error, while: "looking at \(path)") }
    }
}
