// A growable run of bytes for encoders on a hot path.
//
// Invariants:
// - `base` is an allocation of exactly `storedCapacity` bytes, owned by this value alone: the
//   type is noncopyable, so there is no reference count and no exclusivity check to pay for.
// - 0 <= `storedCount` <= `storedCapacity`, and the first `storedCount` bytes are initialized.
// - Integers are written little-endian, at any alignment.

/// A growable buffer of bytes that owns its memory and is appended to.
///
/// Encoders keep one and call `removeAll()` between records, which keeps the capacity, so that
/// encoding allocates nothing once the buffer has reached its working size.
///
///     var buffer = ByteBuffer()
///     buffer.append(UInt32(7))
///     buffer.append(utf8: "alice")
///     buffer.withBytes { bytes in hash(bytes) }
///
/// Not for data that is shared or kept: take `array()` of it.
// Sendable without a check: the pointer is reachable through this one value only, and the value
// cannot be copied, so two threads can never hold it at once.
@safe
@frozen
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var storedCount: Int
    @usableFromInline var storedCapacity: Int

    /// Makes an empty buffer that can take `capacity` bytes before it has to grow.
    @inlinable
    public init(capacity: Int = 4096) {
        let bytes = Swift.max(capacity, 16)
        // The allocation is freed by `deinit` or replaced by `grow(for:)`, nowhere else.
        unsafe base = .allocate(byteCount: bytes, alignment: 16)
        storedCount = 0
        storedCapacity = bytes
    }

    deinit {
        // `base` is the one allocation of this value; see the invariants above.
        unsafe base.deallocate()
    }

    /// The number of bytes appended so far.
    @inlinable public var count: Int { storedCount }

    /// The number of bytes the buffer can hold before it has to grow.
    @inlinable public var capacity: Int { storedCapacity }

    /// Makes room for `additional` more bytes.
    ///
    /// - Complexity: O(1) when there is room, else O(`count`); amortized O(1) a byte.
    @inlinable
    public mutating func reserve(_ additional: Int) {
        if storedCapacity &- storedCount < additional { grow(for: additional) }
    }

    /// Forgets the bytes and keeps the memory.
    @inlinable public mutating func removeAll() { storedCount = 0 }

    /// Appends one byte.
    @inlinable
    public mutating func append(_ value: UInt8) {
        reserve(1)
        // `reserve` left at least one byte behind `storedCount`.
        unsafe base.storeBytes(of: value, toByteOffset: storedCount, as: UInt8.self)
        storedCount &+= 1
    }

    /// Appends an integer, little-endian.
    @inlinable
    public mutating func append<T: FixedWidthInteger>(_ value: T) {
        let bytes = MemoryLayout<T>.size
        reserve(bytes)
        // `reserve` left `bytes` bytes behind `storedCount`; the store needs no alignment.
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: storedCount, as: T.self)
        storedCount &+= bytes
    }

    /// Appends a copy of `bytes`.
    @inlinable
    public mutating func append(contentsOf bytes: RawSpan) {
        let added = bytes.byteCount
        reserve(added)
        // The target has `added` bytes of room and cannot overlap a span lent by someone else.
        let target = unsafe base + storedCount
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe target.copyMemory(from: start, byteCount: added)
        }
        storedCount &+= added
    }

    /// Appends a copy of `bytes`.
    @inlinable
    public mutating func append(contentsOf bytes: [UInt8]) {
        // The bytes of a span of `UInt8` are all initialized, the only doubt `bytes` is marked for.
        append(contentsOf: unsafe bytes.span.bytes)
    }

    /// Appends the UTF-8 of `string`, without a length and without a terminator.
    @inlinable
    public mutating func append(utf8 string: String) {
        var string = string
        let added = string.utf8.count
        reserve(added)
        // `withUTF8` gives the same bytes that were just counted.
        let target = unsafe base + storedCount
        string.withUTF8 { source in
            guard let start = source.baseAddress else { return }
            unsafe target.copyMemory(from: start, byteCount: added)
        }
        storedCount &+= added
    }

    /// Appends `byteCount` zeros.
    @inlinable
    public mutating func appendZeros(_ byteCount: Int) {
        precondition(byteCount >= 0, "a negative number of zeros")
        reserve(byteCount)
        // `reserve` left `byteCount` bytes behind `storedCount`.
        unsafe (base + storedCount).initializeMemory(
            as: UInt8.self, repeating: 0, count: byteCount)
        storedCount &+= byteCount
    }

    /// Overwrites bytes already appended with an integer, little-endian: for a length or a check
    /// sum that is known only after what follows it.
    ///
    /// - Precondition: all bytes of the integer lie within `0..<count`.
    @inlinable
    public mutating func store<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        precondition(
            offset >= 0 && offset <= storedCount &- MemoryLayout<T>.size,
            "a store outside the bytes of the buffer")
        // Checked just above.
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }

    /// Lends all bytes to `body`.
    @inlinable
    public func withBytes<R: ~Copyable>(_ body: (RawSpan) throws -> R) rethrows -> R {
        // The first `storedCount` bytes are initialized, and nobody can append while `self` is
        // borrowed for this call.
        try body(unsafe UnsafeRawBufferPointer(start: base, count: storedCount).bytes)
    }

    /// Lends the bytes of `range` to `body`.
    ///
    /// - Precondition: `range` lies within `0..<count`.
    @inlinable
    public func withBytes<R: ~Copyable>(
        in range: Range<Int>, _ body: (RawSpan) throws -> R
    ) rethrows -> R {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= storedCount,
            "a range outside the bytes of the buffer")
        // Checked just above; otherwise as in `withBytes(_:)`.
        let start = unsafe base + range.lowerBound
        return try body(unsafe UnsafeRawBufferPointer(start: start, count: range.count).bytes)
    }

    /// A copy of the bytes.
    ///
    /// - Complexity: O(`count`), one allocation.
    @inlinable
    public func array() -> [UInt8] {
        // The first `storedCount` bytes are initialized.
        unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: storedCount))
    }

    /// Moves to an allocation at least twice as large that has room for `additional` more bytes.
    @usableFromInline
    @inline(never)
    mutating func grow(for additional: Int) {
        let bytes = Swift.max(storedCount + additional, storedCapacity * 2)
        // The old allocation is freed here and its only pointer replaced in the same step.
        let larger = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
        unsafe larger.copyMemory(from: base, byteCount: storedCount)
        unsafe base.deallocate()
        unsafe base = larger
        storedCapacity = bytes
    }
}
