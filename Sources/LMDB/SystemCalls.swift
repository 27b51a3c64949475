// Thin, checked forms of the system calls this module needs. Internal.
//
// Invariants: a call interrupted by a signal is repeated; short reads and writes are continued;
// every descriptor is opened close-on-exec, so a child process inherits no lock and no file.

import CLMDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What makes two paths the same file, whatever they are called.
struct FileIdentity: Hashable {
    let device: UInt64
    let inode: UInt64

    init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
    }
}

/// An open file, closed when the value goes out of scope.
struct Descriptor: ~Copyable {
    let number: Int32
    let path: String

    init(
        opening path: String, _ flags: Int32, mode: mode_t = 0o600, operation: String
    ) throws(LMDBError) {
        // The path is a C string for the duration of the call.
        let opened = retryingInterrupts { unsafe open(path, flags | O_CLOEXEC, mode) }
        guard opened >= 0 else { throw .lastSystemError(operation, path: path) }
        number = opened
        self.path = path
    }

    deinit { close(number) }

    func status() throws(LMDBError) -> stat {
        try fileStatus(of: number, path: path)
    }

    /// Up to `byteCount` bytes from `offset`; fewer only at the end of the file.
    func read(at offset: Int, byteCount: Int) throws(LMDBError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var done = 0
        while done < byteCount {
            let from = done
            let got = retryingInterrupts {
                unsafe bytes.withUnsafeMutableBytes { target in
                    // The pointer stays `from` bytes into the array and inside its length.
                    unsafe pread(
                        number, target.baseAddress! + from, byteCount - from,
                        off_t(offset + from))
                }
            }
            guard got >= 0 else { throw .lastSystemError("read", path: path) }
            if got == 0 { break }
            done += got
        }
        bytes.removeLast(byteCount - done)
        return bytes
    }

    func write(_ bytes: RawSpan, at offset: Int) throws(LMDBError) {
        try writeAll(bytes, to: number, at: offset, path: path)
    }

    func sync() throws(LMDBError) {
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
) throws(LMDBError) {
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
func writeStream(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(LMDBError) {
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
func syncDescriptor(_ descriptor: Int32, path: String) throws(LMDBError) {
    #if canImport(Darwin)
        if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
    #endif
    guard retryingInterrupts({ fsync(descriptor) }) == 0 else {
        throw .lastSystemError("sync", path: path)
    }
}

func fileStatus(of descriptor: Int32, path: String) throws(LMDBError) -> stat {
    var status = stat()
    // `status` outlives the call, which fills it.
    guard unsafe fstat(descriptor, &status) == 0 else {
        throw .lastSystemError("stat", path: path)
    }
    return status
}

func fileByteCount(of descriptor: Int32, path: String) throws(LMDBError) -> Int {
    Int(try fileStatus(of: descriptor, path: path).st_size)
}

/// The status of a path, following links, or nil when there is nothing.
func fileStatus(at path: String) throws(LMDBError) -> stat? {
    var status = stat()
    // `status` outlives the call, which fills it.
    if unsafe stat(path, &status) == 0 { return status }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw .lastSystemError("stat", path: path)
}

func isDirectoryMode(_ mode: mode_t) -> Bool { mode & S_IFMT == S_IFDIR }

/// A number for the running thread, never 0, comparable with the one of another thread.
func currentThreadNumber() -> UInt {
    #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
    #else
        UInt(pthread_self())
    #endif
}

func sleepBriefly() {
    _ = usleep(1000)
}

let fileExists = EEXIST
