// A data file as plain bytes, read without LMDB: for the check of its head, walks and readers.
//
// The one place where an error of the file system becomes an error of this module.

import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An open data file, closed when nobody refers to it any more.
final class DataFile: Sendable {
    private let descriptor: Descriptor
    var path: String { descriptor.path }

    init(_ path: String, isWritten: Bool = false) throws(LMDBError) {
        do {
            descriptor =
                isWritten
                ? try Descriptor(opening: path, O_RDWR | O_NONBLOCK, operation: "open")
                : try Descriptor.ofFile(path, operation: "open")
        } catch {
            throw LMDBError(error)
        }
    }

    var byteCount: Int {
        get throws(LMDBError) {
            do { return try descriptor.byteCount } catch { throw LMDBError(error) }
        }
    }

    /// Up to `byteCount` bytes from `offset`; fewer only at the end of the file.
    func read(at offset: Int, byteCount: Int) throws(LMDBError) -> [UInt8] {
        do {
            return try descriptor.read(at: offset, byteCount: byteCount)
        } catch {
            throw LMDBError(error)
        }
    }

    func write(_ bytes: RawSpan, at offset: Int) throws(LMDBError) {
        do { try descriptor.write(bytes, at: offset) } catch { throw LMDBError(error) }
    }

    func sync() throws(LMDBError) {
        do { try descriptor.sync() } catch { throw LMDBError(error) }
    }
}

/// Runs work on files and folders whose failure is one of the environment.
func onFiles<R>(_ work: () throws(FileError) -> R) throws(LMDBError) -> R {
    do { return try work() } catch { throw LMDBError(error) }
}

extension LMDBError {
    /// An error of the file system, as one of this module.
    init(_ error: FileError) {
        let code: Code =
            switch error.code {
            case .system(let number): .system(number)
            case .closed: .closed
            case .notAFile: .foreignFile
            }
        let isNoFile = error.code == .notAFile
        self.init(
            code, operation: error.operation,
            reason: isNoFile ? "\(error.path) is no file" : error.path)
    }
}
