// Where a command writes what `--output` and its like name: the one door to files that somebody
// named.

package import Gavel

/// A file that an option or an argument names.
package struct NamedOutput {
    /// As it is named in messages: `--output lot-1.html`, or the path alone for an argument.
    private let option: String?
    private let file: NamedFile

    package init(_ path: String, _ sort: NamedFile.Sort, option: String? = nil) {
        self.option = option
        file = NamedFile(path, sort)
    }

    /// Checks that it may be written, before any work is done for it.
    /// - Throws: `Failure`.
    package func check() throws { try translated { () throws(NamedFileError) in try file.check() } }

    /// Whether it is a device or a pipe, which keeps nothing.
    package var isStream: Bool { file.isStream }

    /// Writes it.
    /// - Throws: `Failure`; `OutputClosed` where it is a pipe that nobody reads.
    package func write(_ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        try translated { () throws(NamedFileError) in try file.write(bytes, mode: mode) }
    }

    private func translated(_ body: () throws(NamedFileError) -> Void) throws {
        do { try body() } catch {
            switch error {
            case .refused(let reason): throw Failure(.usage, named(reason))
            case .failed(let reason): throw Failure(.unusable, named(reason))
            case .closed: throw OutputClosed()
            }
        }
    }

    private func named(_ reason: String) -> String {
        option.map { "\($0) \(reason)" } ?? reason
    }
}

/// Checks that the file that was named for a result may be written, before any work is done for it.
/// - Parameter path: nil or `-` is standard output.
package func checkResult(_ path: String?, _ sort: NamedFile.Sort, option: String = "--output")
    throws
{
    guard let path, path != "-" else { return }
    try NamedOutput(path, sort, option: option).check()
}

/// Writes what a command has made to the file that was named, or to standard output.
package func writeResult(
    _ bytes: [UInt8], to path: String?, _ sort: NamedFile.Sort, option: String = "--output"
) throws {
    guard let path, path != "-" else {
        try withOutput { $0.write(bytes) }
        return
    }
    try NamedOutput(path, sort, option: option).write(bytes)
}
