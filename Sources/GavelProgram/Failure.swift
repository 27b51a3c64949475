// How a command ends without success.

package import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Ends a command without success.
package struct Failure: Error {
    package let status: ExitStatus
    /// One line for standard error; nil where standard output has said it already.
    package let message: String?

    package init(_ status: ExitStatus, _ message: String? = nil) {
        self.status = status
        self.message = message
    }

    /// A file that somebody named could not be used: a path that leads nowhere is wrong usage, a
    /// disk that is full or broken is not.
    /// - Parameter message: what could not be done; the error follows.
    package init(_ message: String, _ error: FileError) {
        self.init(error.isUnusablePath ? .usage : .unusable, "\(message): \(error)")
    }

    /// As above, after a system call of the caller's own.
    /// - Parameter number: the call's `errno`.
    package init(_ message: String, errno number: Int32) {
        let isPathAtFault = FileError(.system(number), operation: "open", path: "").isUnusablePath
        self.init(
            isPathAtFault ? .usage : .unusable, "\(message): \(String(cString: strerror(number)))")
    }
}
