// The one error type of this module: what the operating system refused.
//
// Equality looks at the code only, so that a test or a `catch` names the code and nothing else.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file or a folder that could not be used.
public struct FileError: StorageError, Equatable, CustomStringConvertible {
    /// What went wrong.
    public enum Code: Hashable, Sendable {
        /// An errno of the operating system.
        case system(Int32)
        /// The file is no longer held.
        case closed
        /// A folder, a pipe or a device stands where a file must.
        case notAFile
    }

    public let code: Code
    /// The step that failed, in a word or two: "read", "write", "sync", "create directory", ….
    public let operation: String
    /// The path concerned.
    public let path: String

    public init(_ code: Code, operation: String, path: String) {
        self.code = code
        self.operation = operation
        self.path = path
    }

    public static func == (left: FileError, right: FileError) -> Bool { left.code == right.code }

    public var description: String {
        path.isEmpty ? "\(operation): \(code.summary)" : "\(operation): \(code.summary): \(path)"
    }

    /// Whether the disk or the quota is full.
    public var isNoSpace: Bool { code == .system(ENOSPC) || code == .system(EDQUOT) }
    /// Whether a file or a folder is missing.
    public var isNoSuchFile: Bool { code == .system(ENOENT) }
    /// Whether a file or a folder is there already.
    public var isFileExists: Bool { code == .system(EEXIST) }
    /// Whether permission was denied.
    public var isAccessDenied: Bool { code == .system(EACCES) || code == .system(EPERM) }
    /// Whether a file cannot be made at its path, whatever would be written: a folder on the way is
    /// missing or closed, or the name is too long.
    public var isUnusablePath: Bool {
        switch code {
        case .system(ENOENT), .system(ENOTDIR), .system(EISDIR), .system(EACCES), .system(EPERM),
            .system(EROFS), .system(ENAMETOOLONG), .system(ELOOP):
            true
        case .system, .closed, .notAFile: false
        }
    }
    /// Whether nobody reads the pipe any more.
    public var isBrokenPipe: Bool { code == .system(EPIPE) }
    /// Never: what this module keeps is advice, and is made anew where it is damaged.
    public var isDamage: Bool { false }
    public var isClosed: Bool { code == .closed }
}

/// An error of what keeps a ledger's bytes. Who reports errors asks it without knowing the store.
public protocol StorageError: Error {
    /// Whether the stored bytes themselves are at fault, and trying again is no use.
    var isDamage: Bool { get }
    /// Whether it was let go of before it was used.
    var isClosed: Bool { get }
}

extension FileError.Code {
    /// The code in words.
    fileprivate var summary: String {
        switch self {
        case .system(let number):
            // Copied at once, before another call of this thread reuses the text.
            unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        case .closed: "the file was released"
        case .notAFile: "it is no file"
        }
    }
}

extension FileError {
    /// The error of the system call that has just failed, from `errno`.
    static func lastSystemError(_ operation: String, path: String) -> FileError {
        FileError(.system(errno), operation: operation, path: path)
    }
}
