// The few file operations that a ledger needs, without Foundation.
//
// Invariants: every failure is a `FileError` with code `.system` and the path;
// whatever claims to be durable has flushed both the file and the folder that names it.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files and folders by path.
public enum FileSystem {
    /// Creates a folder and the missing folders above it, durably. A folder already there is left
    /// alone.
    ///
    /// - Parameter mode: permissions of what is created, lowered by the umask; private by default.
    public static func createDirectory(
        _ path: String, mode: UInt32 = 0o700
    ) throws(FileError) {
        var failure = makeDirectory(path, mode)
        if failure == ENOENT, let parent = parentDirectory(of: path), parent != path {
            try createDirectory(parent, mode: mode)
            failure = makeDirectory(path, mode)
        }
        if failure == 0 {
            try syncDirectory(parentDirectory(of: path) ?? ".")
            return
        }
        if failure == EEXIST && isDirectory(path) { return }
        throw FileError(.system(failure), operation: "create directory", path: path)
    }

    /// Whether anything is at `path`, following links.
    public static func exists(_ path: String) -> Bool {
        (try? fileStatus(at: path)) != nil
    }

    /// Whether a folder is at `path`, following links.
    public static func isDirectory(_ path: String) -> Bool {
        guard let status = try? fileStatus(at: path) else { return false }
        return isDirectoryMode(status.st_mode)
    }

    /// What stands at a path.
    public enum Kind: Hashable, Sendable {
        case file, directory, link, pipe, characterDevice, blockDevice, socket
    }

    /// What is at `path`, or nil when there is nothing.
    ///
    /// - Parameter followingLinks: false answers `link` for a link, whatever it leads to; true
    ///   answers what it leads to, and nil where that is nothing.
    /// - Throws: `.system` when a folder on the way cannot be looked into.
    public static func kind(
        of path: String, followingLinks: Bool = true
    ) throws(FileError) -> Kind? {
        var status = stat()
        // `status` outlives the calls, which fill it.
        let result = unsafe followingLinks ? stat(path, &status) : lstat(path, &status)
        if result != 0 {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .lastSystemError("stat", path: path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .directory
        case S_IFLNK: return .link
        case S_IFIFO: return .pipe
        case S_IFCHR: return .characterDevice
        case S_IFBLK: return .blockDevice
        case S_IFSOCK: return .socket
        default: return .file
        }
    }

    /// The path of what is at `path` without links, from the root on.
    public static func resolvedPath(_ path: String) throws(FileError) -> String {
        // The name is on the heap until it is freed here, after it was copied.
        guard let name = unsafe realpath(path, nil) else {
            throw .lastSystemError("resolve", path: path)
        }
        defer { unsafe free(name) }
        return unsafe String(cString: name)
    }

    /// A path from the root on: one that is not is taken from the folder that this process stands
    /// in now, whatever folder it goes to later. Links stay as they are.
    public static func absolutePath(_ path: String) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        // The name is on the heap until it is freed here, after it was copied.
        guard let name = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(name) }
        let folder = unsafe String(cString: name)
        return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
    }

    /// Removes a file, or a folder with everything in it. Links are removed, not followed.
    ///
    /// - Throws: `.system(ENOENT)` when there is nothing at `path`.
    public static func remove(_ path: String) throws(FileError) {
        var status = stat()
        // `status` outlives the call, which fills it.
        guard unsafe lstat(path, &status) == 0 else {
            throw .lastSystemError("remove", path: path)
        }
        guard isDirectoryMode(status.st_mode) else {
            try FileFaults.check(.remove, "remove", path: path)
            // The path is a C string for the duration of each call here.
            if unsafe unlink(path) != 0 { throw .lastSystemError("remove", path: path) }
            return
        }
        for name in try listDirectory(path) {
            try remove(path + "/" + name)
        }
        try FileFaults.check(.remove, "remove", path: path)
        if unsafe rmdir(path) != 0 { throw .lastSystemError("remove", path: path) }
    }

    /// Renames a file or a folder, replacing a file of that name in one step.
    ///
    /// Durable when it returns: the folders concerned are flushed.
    public static func rename(_ from: String, to: String) throws(FileError) {
        try move(from, to: to)
        let folders = (parentDirectory(of: from) ?? ".", parentDirectory(of: to) ?? ".")
        try syncDirectory(folders.1)
        if folders.0 != folders.1 { try syncDirectory(folders.0) }
    }

    /// Renames as `rename(_:to:)`, and leaves the flushing to the caller: one who has to know
    /// whether the name was given, also where it could not be flushed.
    public static func move(_ from: String, to: String) throws(FileError) {
        try FileFaults.check(.rename, "rename", path: "\(from) to \(to)")
        // Both paths are C strings for the duration of the call.
        #if canImport(Darwin)
            let result = unsafe Darwin.rename(from, to)
        #else
            let result = unsafe Glibc.rename(from, to)
        #endif
        if result != 0 { throw .lastSystemError("rename", path: "\(from) to \(to)") }
    }

    /// Flushes the names in a folder to the device.
    public static func syncDirectory(_ path: String) throws(FileError) {
        try FileFaults.check(.sync, "sync", path: path)
        try Descriptor(opening: path, O_RDONLY | O_DIRECTORY, operation: "sync").sync()
    }

    /// Flushes the contents of a file to the device.
    public static func syncFile(_ path: String) throws(FileError) {
        try FileFaults.check(.sync, "sync", path: path)
        try Descriptor(opening: path, O_RDONLY, operation: "sync").sync()
    }

    /// All bytes of a file, or of a pipe until its end.
    public static func readFile(_ path: String) throws(FileError) -> [UInt8] {
        let file = try Descriptor(opening: path, O_RDONLY, operation: "read")
        var bytes: [UInt8] = []
        // The size is a hint only: a file may grow meanwhile, and some report none.
        var chunk = Int(max(try file.status().st_size, 4096))
        while true {
            let more = try file.readNext(byteCount: chunk)
            bytes += more
            if more.count < chunk { return bytes }
            chunk = 65536
        }
    }

    /// Writes a file so that any moment, also after a crash, shows the old or the new contents.
    ///
    /// The bytes go to a temporary file beside it, which is flushed and renamed over `path`.
    ///
    /// - Parameter mode: permissions of the new file, also when it replaces one.
    public static func writeFileAtomically(
        _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600
    ) throws(FileError) {
        let file = try FileWriter(replacing: path, mode: mode)
        // As in `withBytes(of:)`, which cannot carry a typed error.
        try file.write(unsafe bytes.span.bytes, at: 0)
        try file.finish()
    }

    /// The first bytes of a file, at most so many.
    public static func readPrefix(
        _ path: String, byteCount: Int
    ) throws(FileError) -> [UInt8] {
        try Descriptor(opening: path, O_RDONLY, operation: "read")
            .read(at: 0, byteCount: byteCount)
    }

    /// Adds bytes to the end of a file, which is made when missing. Nothing is flushed: after a
    /// crash of the machine the end may be missing or torn.
    ///
    /// - Parameter mode: permissions of a new file.
    public static func append(
        _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600
    ) throws(FileError) {
        try FileFaults.check(.open, "append", path: path)
        let file = try Descriptor(
            opening: path, O_WRONLY | O_CREAT | O_APPEND, mode: mode, operation: "append")
        let written = FileFaults.written(of: bytes.count)
        try writeStream(Array(bytes.prefix(written)), to: file.number, path: path)
        if written < bytes.count {
            throw FileFaults.failure("append", path: path)
        }
    }

    /// Writes bytes into a device or a pipe that is there. Nothing is made and nothing replaced.
    ///
    /// - Parameter waits: whether a pipe without a reader is waited for, or an error.
    public static func writeThrough(
        _ path: String, _ bytes: [UInt8], waits: Bool
    ) throws(FileError) {
        let flags = O_WRONLY | O_NOCTTY | (waits ? 0 : O_NONBLOCK)
        let file = try Descriptor(opening: path, flags, operation: "write")
        try writeStream(bytes, to: file.number, path: path)
    }

    /// Writes bytes to a descriptor that this process has, from where it stands.
    public static func write(_ bytes: [UInt8], toDescriptor number: Int32) throws(FileError) {
        try writeStream(bytes, to: number, path: "/dev/fd/\(number)")
    }

    /// The length of a file in bytes.
    public static func fileSize(_ path: String) throws(FileError) -> Int {
        guard let status = try fileStatus(at: path) else {
            throw FileError(.system(ENOENT), operation: "stat", path: path)
        }
        return Int(status.st_size)
    }

    /// The names in a folder, sorted, without `.` and `..`.
    public static func listDirectory(_ path: String) throws(FileError) -> [String] {
        // The stream is private to this function and closed before it returns.
        guard let stream = unsafe opendir(path) else {
            throw .lastSystemError("list", path: path)
        }
        defer { _ = unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            // The name is a C string inside the entry, valid until the next `readdir`.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        if errno != 0 { throw .lastSystemError("list", path: path) }
        return names.sorted()
    }

    /// The bytes an ordinary user may still write to the file system that holds `path`.
    public static func freeBytes(at path: String) throws(FileError) -> Int {
        var status = statvfs()
        // `status` outlives the call, which fills it.
        let result = retryingInterrupts { unsafe statvfs(path, &status) }
        if result != 0 { throw .lastSystemError("statvfs", path: path) }
        let blocks = UInt64(status.f_bavail)
        let bytes = blocks.multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return bytes.overflow ? .max : Int(clamping: bytes.partialValue)
    }

    /// The longest file that this process may write (`ulimit -f`); nil without such a limit.
    package static var fileBytesMax: Int? {
        var limit = rlimit()
        #if canImport(Glibc)
            let kind = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        #else
            let kind = RLIMIT_FSIZE
        #endif
        // `limit` outlives the call, which fills it.
        guard unsafe getrlimit(kind, &limit) == 0, limit.rlim_cur != rlim_t.max,
            let bytes = Int(exactly: limit.rlim_cur)
        else { return nil }
        return bytes
    }

    /// Creates a new private folder in `$TMPDIR` or `/tmp` and returns its path. The caller
    /// removes it.
    public static func temporaryDirectory(_ prefix: String) throws(FileError) -> String {
        var parent = "/tmp"
        // The value is copied at once, before anything else could change the environment.
        if let set = unsafe getenv("TMPDIR"), unsafe set.pointee != 0 {
            parent = unsafe String(cString: set)
        }
        var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        // `mkdtemp` rewrites the six X in place, inside the array and before its final zero.
        let made = unsafe template.withUnsafeMutableBufferPointer { name in
            unsafe mkdtemp(name.baseAddress!) != nil
        }
        guard made else { throw .lastSystemError("create directory", path: parent) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Waits a few milliseconds, for those who look again.
    public static func pauseBriefly() { for _ in 0..<5 { sleepBriefly() } }

    /// The folder that names `path`, "." for a bare name, or nil for the root.
    public static func parentDirectory(of path: String) -> String? {
        var bytes = path.utf8[...]
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes = bytes.dropLast() }
        if bytes.elementsEqual("/".utf8) { return nil }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == bytes.startIndex ? "/" : String(bytes[..<slash])
    }

    /// 0, or the errno.
    private static func makeDirectory(_ path: String, _ mode: UInt32) -> Int32 {
        if FileFaults.outcome(of: .makeFolder) != .goesOn { return EIO }
        // The path is a C string for the duration of the call.
        return unsafe mkdir(path, mode_t(mode)) == 0 ? 0 : errno
    }
}

/// A file that is written piece by piece and takes its place when it is finished: any moment, also
/// after a crash, shows the old or the new contents.
///
/// The bytes go to a temporary file beside the place, which is removed when it was not finished.
public final class FileWriter {
    private let file: Descriptor
    private let path: String
    private var isFinished = false

    /// - Parameters:
    ///   - path: the file's place; one that stands there is replaced.
    ///   - mode: permissions of the new file, also when it replaces one.
    public init(replacing path: String, mode: UInt32 = 0o600) throws(FileError) {
        self.path = path
        try FileFaults.check(.open, "write", path: path)
        // Random: a name that a crash left behind, or that a process in another container makes
        // at the same time, is in nobody's way.
        file = try Descriptor(
            opening: "\(path).tmp-\(String(UInt64.random(in: .min ... .max), radix: 16))",
            O_WRONLY | O_CREAT | O_EXCL, mode: mode, operation: "write")
    }

    /// Writes bytes at a place; what was passed over reads as zeros.
    public func write(_ bytes: RawSpan, at offset: Int) throws(FileError) {
        let written = FileFaults.written(of: bytes.byteCount)
        try file.write(bytes.extracting(0..<written), at: offset)
        if written < bytes.byteCount { throw FileFaults.failure("write", path: path) }
    }

    /// Flushes the contents and puts the file into its place.
    public func finish() throws(FileError) {
        try FileFaults.check(.sync, "sync", path: path)
        try file.sync()
        try FileSystem.rename(file.path, to: path)
        isFinished = true
    }

    deinit {
        // Best effort: the failure that counts is the one that kept it from being finished.
        if !isFinished { try? FileSystem.remove(file.path) }
    }
}

/// A file that is being read: the same one until the end, whatever becomes of its name.
public final class FileReader {
    private let file: Descriptor

    /// - Throws: `.notAFile` where a folder, a pipe or a device stands there; `.system`.
    public init(_ path: String) throws(FileError) {
        file = try Descriptor.ofFile(path, operation: "read")
    }

    /// Up to `byteCount` bytes from `offset`; fewer only at the end of the file.
    public func read(at offset: Int, byteCount: Int) throws(FileError) -> [UInt8] {
        try file.read(at: offset, byteCount: byteCount)
    }
}
