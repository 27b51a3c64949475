// Writing a file that somebody named: on a command line, in a configuration.
//
// Invariants: what is there already is replaced only where it is of the sort that is written, or
// empty; a ledger's own files never are; a device or a pipe is written into and stays what it is;
// a link stays a link, and what it leads to is judged as if it had been named.

internal import Platform

/// A path that somebody named, and the sort of file that may be replaced there.
package struct NamedFile {
    /// What a file is by its contents.
    package struct Sort: Sendable {
        /// With its article, for messages: "a page".
        package let name: String
        /// Whether a file that begins with these bytes is of the sort. Given are all bytes of a
        /// file of up to `prefixBytesMax`.
        package let matches: @Sendable ([UInt8]) -> Bool

        package init(_ name: String, matches: @escaping @Sendable ([UInt8]) -> Bool) {
            self.name = name
            self.matches = matches
        }
    }

    /// How much of a file is looked at. A signed note is never longer.
    fileprivate static let prefixBytesMax = SignedNote.bytesMax + 1

    package let path: String
    private let sort: Sort

    package init(_ path: String, _ sort: Sort) {
        self.path = path
        self.sort = sort
    }

    /// Where the bytes go.
    private enum Target {
        /// A file of that path without links, which is there or not.
        case file(String)
        /// A device or a pipe.
        case stream
        /// What this process has open as its standard output or standard error.
        case descriptor(Int32)
    }

    /// Whether the path leads to something that is written into and cannot be read back.
    package var isStream: Bool {
        guard let target = try? target() else { return false }
        if case .file = target { return false }
        return true
    }

    /// Checks that the file may be written, before any work is done for it.
    /// - Throws: `NamedFileError.refused`.
    package func check() throws(NamedFileError) { _ = try target() }

    /// Writes the file: in one step where it is a file, so that whoever reads it sees the old or
    /// the new one.
    /// - Parameters:
    ///   - mode: permissions of the file.
    ///   - waits: whether a pipe without a reader is waited for, or an error.
    /// - Throws: `NamedFileError`.
    package func write(
        _ bytes: [UInt8], mode: UInt32 = 0o644, waits: Bool = true
    ) throws(NamedFileError) {
        do {
            switch try target() {
            case .file(let path):
                try FileSystem.writeFileAtomically(path, bytes, mode: mode)
            case .stream: try FileSystem.writeThrough(path, bytes, waits: waits)
            case .descriptor(let number): try FileSystem.write(bytes, toDescriptor: number)
            }
        } catch let error as NamedFileError {
            throw error
        } catch {
            throw NamedFileError(error, path)
        }
    }

    /// Reads the file, or its first bytes.
    /// - Parameter stream: answers for a pipe, a device or a socket, which is not read.
    /// - Returns: nil where there is no file.
    /// - Throws: `StoreRecord.Unreadable` where it is a folder; `FileError`; what `stream` throws.
    func read(
        upTo byteCount: Int, ofStream stream: () throws -> [UInt8]? = { nil }
    ) throws -> [UInt8]? {
        switch try FileSystem.kind(of: path) {
        case .file: break
        case .directory: throw StoreRecord.Unreadable("it is a folder")
        case nil, .link: return nil
        case .pipe, .characterDevice, .blockDevice, .socket: return try stream()
        }
        guard byteCount < Int.max else { return try FileSystem.readFile(path) }
        return try FileSystem.readPrefix(path, byteCount: byteCount)
    }

    // MARK: What is there

    private func target() throws(NamedFileError) -> Target {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw .refused("a file's name must not be empty or hold a zero byte")
        }
        switch path {
        case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1": return .descriptor(1)
        case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2": return .descriptor(2)
        default: break
        }
        do {
            guard let named = try FileSystem.kind(of: path, followingLinks: false) else {
                return .file(try newFile())
            }
            switch try FileSystem.kind(of: path) {
            case nil:
                throw NamedFileError.refused("\(path) is a link to nothing: name its target")
            case .characterDevice, .pipe: return .stream
            case .directory: throw NamedFileError.refused("\(path) is a folder, not a file")
            case .blockDevice: throw NamedFileError.refused("\(path) is a disk")
            case .socket: throw NamedFileError.refused("\(path) is a socket")
            case .file, .link:
                return .file(try replacedFile(through: named == .link))
            }
        } catch let error as NamedFileError {
            throw error
        } catch {
            throw NamedFileError(error, path)
        }
    }

    /// The path at which a file is made.
    private func newFile() throws -> String {
        guard let parent = FileSystem.parentDirectory(of: path),
            FileSystem.isDirectory(parent)
        else {
            let parent = FileSystem.parentDirectory(of: path) ?? "/"
            throw NamedFileError.refused("\(path) cannot be written: there is no folder \(parent)")
        }
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard !name.isEmpty, name != ".", name != ".." else {
            throw NamedFileError.refused("\(path) names a folder, not a file")
        }
        let full = try FileSystem.resolvedPath(parent) + "/" + name
        try checkOwner(of: full)
        return full
    }

    /// The path of the file that is replaced.
    private func replacedFile(through isLink: Bool) throws -> String {
        let full = try FileSystem.resolvedPath(path)
        try checkOwner(of: full)
        let bytes = try FileSystem.readPrefix(full, byteCount: Self.prefixBytesMax)
        guard bytes.isEmpty || sort.matches(bytes) else {
            let what = isLink ? "\(path) leads to \(full), which" : path
            throw NamedFileError.refused(
                "\(what) is there already and is not \(sort.name): nothing was written")
        }
        return full
    }

    private func checkOwner(of full: String) throws(NamedFileError) {
        guard let ledger = LedgerFolder.owner(of: full) else { return }
        throw .refused("\(path) belongs to the ledger in \(ledger): nothing was written")
    }
}

/// Why a file that somebody named was not written.
package enum NamedFileError: Error {
    /// It must not be written, or cannot be at that path: another one has to be named.
    case refused(String)
    /// The disk or the device failed.
    case failed(String)
    /// Nobody reads the pipe any more.
    case closed

    fileprivate init(_ error: any Error, _ path: String) {
        guard let error = error as? FileError else {
            self = .failed("\(path) cannot be written: \(error)")
            return
        }
        if error.isBrokenPipe {
            self = .closed
        } else if error.isUnusablePath {
            self = .refused("\(path) cannot be written: \(error)")
        } else {
            self = .failed("\(path) cannot be written: \(error)")
        }
    }

    package var reason: String {
        switch self {
        case .refused(let reason), .failed(let reason): reason
        case .closed: "nobody reads the pipe"
        }
    }
}

extension NamedFile.Sort {
    /// A signed checkpoint.
    package static let checkpoint = Self("a checkpoint") {
        (try? SignedCheckpoint(parsing: $0)) != nil
    }
    /// A page in HTML.
    package static let page = Self("a page") { bytes in
        let start = "<!doctype html>"
        return String(decoding: bytes.prefix(start.utf8.count), as: UTF8.self).lowercased() == start
    }
    /// What a witness has seen.
    package static let witnessState = Self("what a witness has seen") {
        $0.starts(with: "gavel-witness/v1\n".utf8)
    }
    /// A key, which is never replaced.
    package static let newKey = Self("a file that may be replaced: a key never is") { _ in false }

    /// A file of evidence: an entry's, a statement, a proof or a consistency file.
    package static let evidence = Self("a file of evidence") {
        EvidenceFile.FirstLine(of: $0) != nil
    }

    /// Exactly these bytes, of what never changes.
    package static func unchanging(_ name: String, _ bytes: [UInt8]) -> Self {
        let seen = bytes.prefix(NamedFile.prefixBytesMax)
        return Self(name) { $0.elementsEqual(seen) }
    }
}
