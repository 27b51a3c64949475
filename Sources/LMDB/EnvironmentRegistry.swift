// Opening and closing LMDB environments, one at a time, and the list of those open in this
// process.
//
// Invariants: an identity (device and inode, of the folder and of the data file) is listed exactly
// while LMDB has the file open; listing and opening, and closing and delisting, are one step under
// one lock, so that a reopening waits for the close to be complete.

import CLMDB
import Platform
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The environments open in this process.
enum EnvironmentRegistry {
    struct Opened {
        var handle: EnvironmentHandle
        var identities: [FileIdentity]
        var serial: UInt64
    }

    private struct List {
        var identities: Set<FileIdentity> = []
        var lastSerial: UInt64 = 0
    }

    private static let list = Mutex(List())

    static func open(
        at directory: String, _ configuration: Environment.Configuration
    ) throws(LMDBError) -> Opened {
        try list.withLock { list throws(LMDBError) in
            let isNewDirectory = try prepare(directory, configuration)
            let dataFile = directory + "/data.mdb"
            let before = try identities([directory, dataFile])
            if !list.identities.isDisjoint(with: before) {
                throw LMDBError(.alreadyOpen, operation: "open", reason: directory)
            }
            let head = try head(of: dataFile, configuration)
            if head == nil && configuration.isReadOnly {
                throw LMDBError(.system(ENOENT), operation: "open", reason: dataFile)
            }
            let handle = try map(directory, configuration)
            do throws(LMDBError) {
                if head == nil { try makeDurable(directory, isNewDirectory) }
                let opened = try identities([directory, dataFile])
                list.identities.formUnion(opened)
                list.lastSerial += 1
                return Opened(handle: handle, identities: opened, serial: list.lastSerial)
            } catch {
                unsafe mdb_env_close(handle.pointer)
                throw error
            }
        }
    }

    static func close(_ handle: EnvironmentHandle, _ identities: [FileIdentity]) {
        list.withLock { list in
            // Given away by the gate: nobody uses the handle, and nobody will.
            unsafe mdb_env_close(handle.pointer)
            list.identities.subtract(identities)
        }
    }

    /// The head of the data file, or nil where LMDB makes the file.
    private static func head(
        of dataFile: String, _ configuration: Environment.Configuration
    ) throws(LMDBError) -> FileHead? {
        do { return try FileHead.check(dataFile) } catch {
            guard configuration.resumesCreation, !configuration.isReadOnly,
                try TornCreation.isLeft(at: dataFile)
            else { throw error }
            try TornCreation.remove(at: dataFile)
            return nil
        }
    }

    /// Creates the folder if it is to be. True when it did.
    private static func prepare(
        _ directory: String, _ configuration: Environment.Configuration
    ) throws(LMDBError) -> Bool {
        if FileSystem.isDirectory(directory) { return false }
        guard configuration.createsDirectory && !configuration.isReadOnly else {
            throw LMDBError(.system(ENOENT), operation: "open", reason: directory)
        }
        try onFiles { () throws(FileError) in try FileSystem.createDirectory(directory) }
        return true
    }

    /// The files among `paths` that exist.
    private static func identities(_ paths: [String]) throws(LMDBError) -> [FileIdentity] {
        var identities: [FileIdentity] = []
        for path in paths {
            if let found = try onFiles({ () throws(FileError) in try FileIdentity(of: path) }) {
                identities.append(found)
            }
        }
        return identities
    }

    /// LMDB flushes its file but not the name of it.
    private static func makeDurable(
        _ directory: String, _ isNewDirectory: Bool
    ) throws(LMDBError) {
        try onFiles { () throws(FileError) in
            try FileSystem.syncDirectory(directory)
            if isNewDirectory, let parent = FileSystem.parentDirectory(of: directory) {
                try FileSystem.syncDirectory(parent)
            }
        }
    }

    private static func map(
        _ directory: String, _ configuration: Environment.Configuration
    ) throws(LMDBError) -> EnvironmentHandle {
        var created: OpaquePointer?
        // `created` outlives the call, which sets it on success.
        try check(unsafe mdb_env_create(&created), "open", directory)
        let environment = unsafe created!
        do {
            // The environment is not open yet and known to this function alone.
            try check(
                unsafe mdb_env_set_mapsize(environment, configuration.mapSizeBytes), "open",
                "map size \(configuration.mapSizeBytes)")
            try check(
                unsafe mdb_env_set_maxdbs(environment, UInt32(configuration.maxTables)), "open",
                "\(configuration.maxTables) tables")
            try check(
                unsafe mdb_env_set_maxreaders(environment, UInt32(configuration.maxReaders)),
                "open", "\(configuration.maxReaders) readers")
            if configuration.usesLockFile {
                try LockFile.reserve(in: directory, maxReaders: configuration.maxReaders)
            }
            // Private to the owner; LMDB copies the path.
            try check(
                unsafe mdb_env_open(environment, directory, flags(configuration), 0o600), "open",
                directory, writingIn: directory)
        } catch {
            // lmdb.h: after a failed open the handle must be closed.
            unsafe mdb_env_close(environment)
            throw error
        }
        return unsafe EnvironmentHandle(pointer: environment)
    }

    private static func flags(_ configuration: Environment.Configuration) -> UInt32 {
        var flags = UInt32(MDB_NOTLS)
        if configuration.isReadOnly { flags |= UInt32(MDB_RDONLY) }
        if !configuration.usesLockFile { flags |= UInt32(MDB_NOLOCK) }
        switch configuration.syncMode {
        case .full: break
        case .noMetaSync: flags |= UInt32(MDB_NOMETASYNC)
        case .none: flags |= UInt32(MDB_NOSYNC)
        }
        return flags
    }
}
