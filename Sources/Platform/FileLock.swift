// A lock on a file that says that somebody is at work beside it, and ends with the process.
//
// Invariant: the file that is locked is the one that has the name: whoever takes the lock looks
// again afterwards.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The lock on a file, held until the value goes.
public final class FileLock: Sendable {
    private let file: Descriptor

    private init(_ file: consuming Descriptor) { self.file = file }

    /// Takes the lock on a file, which is made where there is none.
    /// - Returns: nil where another one has it, in this process or in another.
    /// - Throws: `FileError`.
    public static func acquire(_ path: String) throws(FileError) -> FileLock? {
        try FileFaults.check(.open, "lock", path: path)
        let file = try Descriptor(
            opening: path, O_RDWR | O_CREAT | O_NONBLOCK, operation: "lock")
        guard try lock(file), try file.isStillNamed() else { return nil }
        return FileLock(file)
    }

    /// Replaces what is in the file, and flushes it.
    /// - Throws: `FileError`.
    public func write(_ bytes: [UInt8]) throws(FileError) {
        let written = FileFaults.written(of: bytes.count)
        try file.write(unsafe bytes.span.bytes.extracting(0..<written), at: 0)
        if written < bytes.count { throw FileFaults.failure("write", path: file.path) }
        try FileFaults.check(.sync, "sync", path: file.path)
        try file.sync()
    }

    deinit { unlock(file) }
}
