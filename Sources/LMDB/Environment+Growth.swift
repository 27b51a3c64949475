// Growing the data file ahead of need, in large steps of written zeros.
//
// A flush of a file that has grown also commits the file system's journal; of one whose blocks
// are written already it does not, which takes about a third off a commit. Reserved but unwritten
// blocks (fallocate) do not help: they still have to be marked written.
//
// Invariants: zeros go only behind the end of the file, and only under LMDB's write lock: another
// writer, in any process, is therefore never overwritten. A failure is no failure: LMDB then grows
// the file page by page, and reports a full disk itself.

import CLMDB
import Synchronization

extension Environment {
    /// Makes sure that `bytes` more can be written before the file has to grow, as far as the disk
    /// and the map allow. Takes the write lock, and as long as the device needs for the zeros.
    ///
    /// - Throws: as `write`, and `.system` for a full disk.
    public func prewrite(aheadOf bytes: Int) throws(LMDBError) {
        let state = try beginWrite()
        defer { abort(state) }
        let handle = try gate.enter("prewrite")
        defer { gate.leave() }
        try extend(handle, toHave: bytes)
    }

    /// The smallest step.
    static let growthStepBytesMin = 1 << 20

    /// Takes a step when less than a quarter of one is left. Called under the write lock.
    func growIfNeeded() {
        let largestStep = configuration.growthStepBytes
        guard largestStep > 0, let handle = try? gate.enter("prewrite") else { return }
        defer { gate.leave() }
        let used = usedBytes(handle)
        // A small file at most doubles.
        let step = min(largestStep, max(Self.growthStepBytesMin, used))
        if fileBytesSeen.load(ordering: .relaxed) - used >= step / 4 { return }
        do {
            try extend(handle, toHave: step)
        } catch {
            // A full disk is not asked again before most of a step has been used: every try would
            // fill it up and empty it again, at the expense of everybody on it.
            fileBytesSeen.store(used + step, ordering: .relaxed)
        }
    }

    /// The bytes up to the last page in use.
    private func usedBytes(_ handle: EnvironmentHandle) -> Int {
        var info = unsafe MDB_envinfo()
        var statistics = MDB_stat()
        // Both outlive the calls, which fill them and fail only for a nil pointer.
        _ = unsafe mdb_env_info(handle.pointer, &info)
        _ = unsafe mdb_env_stat(handle.pointer, &statistics)
        return (unsafe info.me_last_pgno + 1) * Int(statistics.ms_psize)
    }

    private func extend(_ handle: EnvironmentHandle, toHave bytes: Int) throws(LMDBError) {
        let descriptor = try fileDescriptor(handle)
        let path = directory + "/data.mdb"
        let present = try fileByteCount(of: descriptor, path: path)
        let used = usedBytes(handle)
        let wanted = used + min(bytes, max(configuration.mapSizeBytes - used, 0))
        fileBytesSeen.store(present, ordering: .relaxed)
        if wanted <= present { return }
        do {
            try writeZeros(from: present, to: wanted, descriptor, path)
        } catch {
            // Give a full disk its space back: others, and LMDB itself, need it more.
            truncateFile(descriptor, to: present)
            throw error
        }
        fileBytesSeen.store(wanted, ordering: .relaxed)
    }

    private func writeZeros(
        from start: Int, to end: Int, _ descriptor: Int32, _ path: String
    ) throws(LMDBError) {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var offset = start
        while offset < end {
            // As in `withBytes(of:)`, which cannot carry a typed error.
            let chunk = unsafe zeros.span.bytes.extracting(0..<min(zeros.count, end - offset))
            try writeAll(chunk, to: descriptor, at: offset, path: path)
            offset += chunk.byteCount
        }
        try syncDescriptor(descriptor, path: path)
    }
}
