// Thin, checked forms of the system calls this module needs.
//
// Invariants: a call interrupted by a signal is repeated; short reads and writes are continued;
// every descriptor is opened close-on-exec, so a child process inherits no lock and no file.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What makes two paths the same file, whatever they are called.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
    }

    /// The identity of what is at `path`, following links, or nil when there is nothing.
    package init?(of path: String) throws(FileError) {
        guard let status = try fileStatus(at: path) else { return nil }
        self.init(status)
    }
}

/// An open file, closed when the value goes out of scope.
package struct Descriptor: ~Copyable, Sendable {
    package let number: Int32
    package let path: String

    package init(
        opening path: String, _ flags: Int32, mode: UInt32 = 0o600, operation: String
    ) throws(FileError) {
        // The path is a C string for the duration of the call.
        let opened = retryingInterrupts { unsafe open(path, flags | O_CLOEXEC, mode_t(mode)) }
        guard opened >= 0 else { throw .lastSystemError(operation, path: path) }
        number = opened
        self.path = path
    }

    /// Opens a file for reading. A pipe or a device in its place would keep whoever reads waiting,
    /// or never end.
    /// - Throws: `.notAFile` where something else stands there.
    package static func ofFile(
        _ path: String, operation: String
    ) throws(FileError) -> Descriptor {
        let file = try Descriptor(
            opening: path, O_RDONLY | O_NONBLOCK | O_NOCTTY, operation: operation)
        guard try file.status().st_mode & S_IFMT == S_IFREG else {
            throw FileError(.notAFile, operation: operation, path: path)
        }
        return file
    }

    deinit { close(number) }

    func status() throws(FileError) -> stat {
        try fileStatus(of: number, path: path)
    }

    /// Whether the path still leads to this file: somebody may have replaced it.
    func isStillNamed() throws(FileError) -> Bool {
        guard let named = try fileStatus(at: path) else { return false }
        return FileIdentity(named) == FileIdentity(try status())
    }

    /// The length of the file.
    package var byteCount: Int {
        get throws(FileError) { Int(try status().st_size) }
    }

    /// Up to `byteCount` bytes from `offset`; fewer only at the end of the file.
    package func read(at offset: Int, byteCount: Int) throws(FileError) -> [UInt8] {
        // The buffer outlives the call, as below.
        try unsafe read(byteCount) { target, done in
            unsafe pread(number, target.baseAddress, target.count, off_t(offset + done))
        }
    }

    /// Up to `byteCount` bytes from where it stands, which a pipe has too; fewer only at the end.
    func readNext(byteCount: Int) throws(FileError) -> [UInt8] {
        // The buffer outlives the call, as below.
        try unsafe read(byteCount) { target, _ in
            #if canImport(Darwin)
                unsafe Darwin.read(number, target.baseAddress, target.count)
            #else
                unsafe Glibc.read(number, target.baseAddress, target.count)
            #endif
        }
    }

    /// - Parameter call: reads into a buffer, after so many bytes; answers as `read(2)` does.
    private func read(
        _ byteCount: Int, _ call: (UnsafeMutableRawBufferPointer, Int) -> Int
    ) throws(FileError) -> [UInt8] {
        var failure: FileError?
        // Only the bytes that the calls have filled are counted as there.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, done in
            let all = UnsafeMutableRawBufferPointer(buffer)
            while done < byteCount {
                let from = done
                let got = retryingInterrupts {
                    // The part begins `from` bytes into the buffer and ends with it.
                    unsafe call(UnsafeMutableRawBufferPointer(rebasing: all[from...]), from)
                }
                if got < 0 { failure = .lastSystemError("read", path: path) }
                if got <= 0 { break }
                done += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    package func write(_ bytes: RawSpan, at offset: Int) throws(FileError) {
        try writeAll(bytes, to: number, at: offset, path: path)
    }

    package func sync() throws(FileError) {
        try syncDescriptor(number, path: path)
    }
}

/// Repeats a system call for as long as a signal interrupts it.
func retryingInterrupts<T: SignedInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

func writeAll(
    _ bytes: RawSpan, to descriptor: Int32, at offset: Int, path: String
) throws(FileError) {
    var done = 0
    while done < bytes.byteCount {
        let rest = bytes.extracting(done..<bytes.byteCount)
        let at = off_t(offset + done)
        let wrote = retryingInterrupts {
            unsafe rest.withUnsafeBytes { source in
                // A non-empty span has a base address, valid during the closure.
                unsafe pwrite(descriptor, source.baseAddress!, source.count, at)
            }
        }
        guard wrote >= 0 else { throw .lastSystemError("write", path: path) }
        done += wrote
    }
}

/// Writes to what may have no offsets: a pipe, a device, the end of a file.
func writeStream(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(FileError) {
    var done = 0
    while done < bytes.count {
        let from = done
        let wrote = retryingInterrupts {
            unsafe bytes.withUnsafeBytes { source in
                // The pointer stays `from` bytes into the array and inside its length.
                #if canImport(Darwin)
                    unsafe Darwin.write(
                        descriptor, source.baseAddress! + from, source.count - from)
                #else
                    unsafe Glibc.write(
                        descriptor, source.baseAddress! + from, source.count - from)
                #endif
            }
        }
        guard wrote >= 0 else { throw .lastSystemError("write", path: path) }
        done += wrote
    }
}

/// Flushes a file to the device. On macOS `fsync` stops at the drive's cache, F_FULLFSYNC does not.
func syncDescriptor(_ descriptor: Int32, path: String) throws(FileError) {
    #if canImport(Darwin)
        if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
    #endif
    guard retryingInterrupts({ fsync(descriptor) }) == 0 else {
        throw .lastSystemError("sync", path: path)
    }
}

func fileStatus(of descriptor: Int32, path: String) throws(FileError) -> stat {
    var status = stat()
    // `status` outlives the call, which fills it.
    guard unsafe fstat(descriptor, &status) == 0 else {
        throw .lastSystemError("stat", path: path)
    }
    return status
}

package func fileByteCount(of descriptor: Int32, path: String) throws(FileError) -> Int {
    Int(try fileStatus(of: descriptor, path: path).st_size)
}

/// The status of a path, following links, or nil when there is nothing.
func fileStatus(at path: String) throws(FileError) -> stat? {
    var status = stat()
    // `status` outlives the call, which fills it.
    if unsafe stat(path, &status) == 0 { return status }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw .lastSystemError("stat", path: path)
}

func isDirectoryMode(_ mode: mode_t) -> Bool { mode & S_IFMT == S_IFDIR }

/// A number for the running thread, never 0, comparable with the one of another thread.
package func currentThreadNumber() -> UInt {
    #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
    #else
        UInt(pthread_self())
    #endif
}

/// Waits a millisecond.
package func sleepBriefly() {
    _ = usleep(1000)
}
