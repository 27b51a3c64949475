// The `writer` file of a ledger: who may write, and how far the log is durable.
//
// Invariants:
// - The right to write is an *open file description* lock on the whole file. It conflicts with
//   every other open of the file, in this process too, and the kernel drops it when the holder
//   dies, however it dies. (A plain fcntl lock would not conflict inside one process and would be
//   lost with any close; flock cannot be probed without taking it.) The descriptor is
//   close-on-exec; a child forked without exec would share the lock.
// - The content is five little-endian slots of eight bytes:
//
//       0  magic and version   8  pid   16  epoch   24  durable count   32  check
//
//   After them stands the heartbeat, six slots that are written together, once a second:
//
//      40  time   48  boot clock   56, 64  which boot   72  outage since   80  check
//
//   `check` mixes the three slots before it. All five are replaced by one write of 40 bytes, and a
//   reader that meets a half-written record sees the check fail and reads again, so nothing here
//   rests on the atomicity of writes.
// - The file is advice for readers while its holder lives. It is never flushed and never decides
//   what the log contains. Bytes that are no record say nothing and bind nobody, whatever they are:
//   readers go on without the advice, the holder writes the whole record with every heartbeat, and
//   the next holder begins anew.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The lock that makes one process the writer of a ledger, and its notice board for readers.
///
///     let writer = try WriterFile.acquire(at: directory + "/writer")
///     try writer.setEpoch(writer.status.epoch + 1)
///     try writer.publishDurable(position)      // after every flush
///     writer.release()
///
/// Not for remote file systems.
public final class WriterFile: Sendable {
    /// Another holder lives.
    public struct Held: Error, Equatable, Sendable, CustomStringConvertible {
        /// The holder's process, when it has written it already.
        public let pid: Int32?

        public init(pid: Int32?) { self.pid = pid }

        public var description: String {
            "another writer holds the ledger" + (pid.map { " (pid \($0))" } ?? "")
        }
    }

    /// What the file says, as a reader in any process sees it.
    public struct Status: Equatable, Sendable {
        /// Whether a living holder has the lock.
        public var isHeld: Bool
        /// The process that wrote the record; nil after an orderly release.
        public var pid: Int32?
        /// The number of times the ledger was opened for writing.
        public var epoch: UInt64
        /// How many entries are durable. Binding for readers while `isHeld`. Nil where the record
        /// cannot be read: then nobody is told.
        public var durableCount: UInt64?

        public init(isHeld: Bool, pid: Int32?, epoch: UInt64, durableCount: UInt64?) {
            self.isHeld = isHeld
            self.pid = pid
            self.epoch = epoch
            self.durableCount = durableCount
        }
    }

    /// That the ledger was alive at a moment, by its own time.
    public struct Heartbeat: Hashable, Sendable {
        /// Nanoseconds since 1970.
        public var time: Int64
        /// Nanoseconds on the boot clock.
        public var boot: Int64
        /// Which run of the machine `boot` counts from; zeros where nothing is known of it.
        public var bootID: (high: UInt64, low: UInt64)
        /// Since when an outage lasted that nobody has confirmed; `Int64.min` stands for none.
        public var outageSince: Int64

        public init(
            time: Int64, boot: Int64, bootID: (high: UInt64, low: UInt64), outageSince: Int64
        ) {
            self.time = time
            self.boot = boot
            self.bootID = bootID
            self.outageSince = outageSince
        }

        public static func == (left: Self, right: Self) -> Bool { left.slots == right.slots }
        public func hash(into hasher: inout Hasher) { hasher.combine(slots) }

        fileprivate var slots: [UInt64] {
            [
                UInt64(bitPattern: time), UInt64(bitPattern: boot), bootID.high, bootID.low,
                UInt64(bitPattern: outageSince),
            ]
        }

        fileprivate init?(_ slots: [UInt64]) {
            guard slots.count == 6, mixed(slots[..<5]) == slots[5] else { return nil }
            self.init(
                time: Int64(bitPattern: slots[0]), boot: Int64(bitPattern: slots[1]),
                bootID: (slots[2], slots[3]), outageSince: Int64(bitPattern: slots[4]))
        }
    }

    private struct State: ~Copyable {
        /// Nil once released.
        var file: Descriptor?
        var record: Record
    }

    /// Serializes the writes of the record.
    private let state: Mutex<State>
    private let path: String

    private init(
        _ file: consuming Descriptor, _ record: Record, wasDamaged: Bool,
        _ lastHeartbeat: Heartbeat?
    ) {
        path = file.path
        self.wasDamaged = wasDamaged
        self.lastHeartbeat = lastHeartbeat
        state = Mutex(State(file: file, record: record))
    }

    deinit { release() }

    /// Takes the right to write, creating the file if it is missing.
    ///
    /// Epoch and durable count stay as the last holder left them: both remain true for the same
    /// ledger, and readers are not sent back to the beginning while it opens. A record that cannot
    /// be read is made anew: see `wasDamaged`.
    ///
    /// - Throws: `Held` when another holder lives, in this process or in another one; `FileError`
    ///   with code `.system`.
    public static func acquire(at path: String, mode: UInt32 = 0o600) throws -> WriterFile {
        while true {
            let file = try Descriptor(
                opening: path, O_RDWR | O_CREAT | O_NONBLOCK, mode: mode, operation: "acquire")
            guard try lock(file) else { throw Held(pid: try? file.readRecord()?.holder) }
            // Whoever replaced the file meanwhile would lock the new one: lock that instead.
            guard try file.isStillNamed() else { continue }
            let found = try file.readRecord()
            let wasDamaged = try found == nil && file.byteCount > 0
            var record = found ?? Record()
            record.pid = getpid()
            let slots = try file.readSlots(at: heartbeatOffset, count: 6)
            try file.write(record)
            return WriterFile(file, record, wasDamaged: wasDamaged, Heartbeat(slots))
        }
    }

    /// What the holder has written so far.
    public var status: Status {
        state.withLock { state in
            Status(isHeld: state.file != nil, state.record)
        }
    }

    /// Writes the epoch, the number of times the ledger was opened for writing.
    public func setEpoch(_ epoch: UInt64) throws(FileError) {
        try update { $0.epoch = epoch }
    }

    /// Tells readers in other processes that the first `count` entries are durable.
    ///
    /// - Complexity: one `pwrite` of 40 bytes, no flush.
    public func publishDurable(_ count: UInt64) throws(FileError) {
        try update { $0.durableCount = count }
    }

    /// Whether the file was there and held no record that could be read: a crash of the machine may
    /// leave such a one. It was made anew.
    public let wasDamaged: Bool

    /// The last heartbeat of whoever held the file before; nil where there is none, or it was torn.
    public let lastHeartbeat: Heartbeat?

    /// Writes that the ledger is alive, and the record once more: should somebody have damaged the
    /// file, it is whole again.
    ///
    /// - Complexity: one `pwrite` of 88 bytes, no flush: what a crash of the machine loses of it is
    ///   what the system had not written yet.
    public func publish(_ heartbeat: Heartbeat) throws(FileError) {
        try state.withLock { state throws(FileError) in
            guard state.file != nil else {
                throw FileError(.closed, operation: "publish", path: path)
            }
            let slots = state.record.slots + heartbeat.slots + [mixed(heartbeat.slots)]
            try state.file!.write(slots: slots)
        }
    }

    /// Gives the right to write back. Later calls do nothing.
    public func release() {
        try? update { $0.pid = 0 }
        state.withLock { state in
            guard let file = state.file.take() else { return }
            unlock(file)
        }
    }

    /// What the file at `path` says, or nil when there is none.
    ///
    /// Takes no lock, so it never gets in a writer's way.
    ///
    /// - Throws: `.system`.
    public static func read(at path: String) throws(FileError) -> Status? {
        guard try fileStatus(at: path) != nil else { return nil }
        let file = try Descriptor.ofFile(path, operation: "read")
        var isHeld = true
        // A record that is being written is whole again within microseconds, so the tries of a
        // millisecond only run out where it is damaged: until the holder's next heartbeat.
        for _ in 0..<20 {
            let found = try read(file)
            if let record = found.record { return Status(isHeld: found.isHeld, record) }
            isHeld = found.isHeld
            // A crash of the machine may leave an empty or torn record behind; it binds nobody.
            if !isHeld { break }
            sleepBriefly()
        }
        return Status(isHeld: isHeld, pid: nil, epoch: 0, durableCount: nil)
    }

    private func update(_ change: (inout Record) -> Void) throws(FileError) {
        try state.withLock { state throws(FileError) in
            guard state.file != nil else {
                throw FileError(.closed, operation: "publish", path: path)
            }
            var record = state.record
            change(&record)
            try state.file!.write(record)
            state.record = record
        }
    }

    /// Whether the lock is held, and then the record: in this order, so that a record read under a
    /// living holder is never older than the holder.
    private static func read(
        _ file: borrowing Descriptor
    ) throws(FileError) -> (isHeld: Bool, record: Record?) {
        let isHeld = try isLocked(file)
        return (isHeld, try file.readRecord())
    }
}

/// What the holder says.
private struct Record {
    /// 0 stands for nobody.
    var pid: Int32 = 0
    var epoch: UInt64 = 0
    var durableCount: UInt64 = 0

    var holder: Int32? { pid == 0 ? nil : pid }

    /// As they stand in the file.
    var slots: [UInt64] {
        let said = [UInt64(UInt32(bitPattern: pid)), epoch, durableCount]
        return [magic] + said + [mixed(said)]
    }

    init() {}

    /// Nil where the slots are no record, or not whole.
    init?(_ slots: [UInt64]) {
        guard slots.count == 5, slots[0] == magic, mixed(slots[1...3]) == slots[4] else {
            return nil
        }
        pid = Int32(truncatingIfNeeded: slots[1])
        epoch = slots[2]
        durableCount = slots[3]
    }
}

/// Where the heartbeat stands.
private let heartbeatOffset = 40

/// A check over slots. Multiplications by odd numbers, so that a mixture of two records, byte by
/// byte, agrees with a mixture of their checks only by a chance of one in 2^64.
private func mixed(_ slots: some Sequence<UInt64>) -> UInt64 {
    var mixed: UInt64 = 0x9E37_79B9_7F4A_7C15
    for slot in slots {
        mixed = (mixed ^ slot) &* 0xD6E8_FEB8_6659_FD93
        mixed ^= mixed >> 32
    }
    return mixed
}

extension WriterFile.Status {
    fileprivate init(isHeld: Bool, _ record: Record) {
        self.init(
            isHeld: isHeld, pid: record.holder, epoch: record.epoch,
            durableCount: record.durableCount)
    }
}

/// "GAVELWR" and the version of the layout, 1, as one little-endian slot.
private let magic: UInt64 = 0x0152_574C_4556_4147

extension Descriptor {
    fileprivate func write(_ record: Record) throws(FileError) {
        try write(slots: record.slots)
    }

    /// Replaces the first slots of the file.
    fileprivate func write(slots: [UInt64]) throws(FileError) {
        var bytes = ByteBuffer(capacity: 8 * slots.count)
        for slot in slots { bytes.append(slot) }
        let array = bytes.array()
        // As in `withBytes(of:)`, which cannot carry a typed error.
        try write(unsafe array.span.bytes, at: 0)
    }

    /// So many slots, or fewer where the file ends before.
    fileprivate func readSlots(at offset: Int, count: Int) throws(FileError) -> [UInt64] {
        let bytes = try read(at: offset, byteCount: 8 * count)
        return withBytes(of: bytes) { span in
            (0..<bytes.count / 8).map { span.load(UInt64.self, at: $0 * 8) }
        }
    }

    /// The record; nil where there is none that is whole.
    fileprivate func readRecord() throws(FileError) -> Record? {
        Record(try readSlots(at: 0, count: 5))
    }
}

// MARK: The lock

// The commands of fcntl for open file description locks. They are part of the kernel's stable
// interface, but the C headers show them only under feature macros Swift does not set.
#if canImport(Darwin)
    private let setDescriptionLock: Int32 = 90
    private let getDescriptionLock: Int32 = 92
#else
    private let setDescriptionLock: Int32 = 37
    private let getDescriptionLock: Int32 = 36
#endif

/// An exclusive lock on the whole file, however long it gets.
private func wholeFileLock() -> flock {
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    return lock
}

/// Tries to take the lock. False when another description has it.
func lock(_ file: borrowing Descriptor) throws(FileError) -> Bool {
    var request = wholeFileLock()
    let descriptor = file.number
    // `request` outlives the call, which reads it.
    let result = retryingInterrupts { unsafe fcntl(descriptor, setDescriptionLock, &request) }
    if result != -1 { return true }
    if errno == EAGAIN || errno == EACCES { return false }
    throw .lastSystemError("acquire", path: file.path)
}

/// Gives the lock back. Closing would do too, were it not for a child of this process that is
/// between fork and exec at the moment: it shares the description and would keep the lock.
func unlock(_ file: borrowing Descriptor) {
    var request = wholeFileLock()
    request.l_type = Int16(F_UNLCK)
    let descriptor = file.number
    // `request` outlives the call, which reads it.
    _ = retryingInterrupts { unsafe fcntl(descriptor, setDescriptionLock, &request) }
}

/// Whether another description has the lock. Takes nothing.
private func isLocked(_ file: borrowing Descriptor) throws(FileError) -> Bool {
    var request = wholeFileLock()
    let descriptor = file.number
    // `request` outlives the call, which rewrites it.
    let result = retryingInterrupts { unsafe fcntl(descriptor, getDescriptionLock, &request) }
    if result == -1 { throw .lastSystemError("read", path: file.path) }
    return request.l_type != Int16(F_UNLCK)
}
