// Reading bytes that somebody else owns: checked loads, copies and comparison on `RawSpan`, and
// the two ways of lending a Swift value as one.
//
// Every access is checked against the bounds of the span; a violation traps, since an offset that
// may come from a damaged file has to be checked by the decoder before it gets here.

extension RawSpan {
    /// The integer at `offset`, little-endian, at any alignment.
    ///
    /// - Precondition: all bytes of the integer lie within the span.
    @inlinable
    public func load<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
        precondition(
            offset >= 0 && offset <= byteCount &- MemoryLayout<T>.size,
            "a load outside the bytes of the span")
        // Checked just above; integers have no invalid bit patterns.
        return unsafe withUnsafeBytes { bytes in
            unsafe T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
        }
    }

    /// The bytes of `range` as a string, or nil when they are not valid UTF-8.
    ///
    /// - Precondition: `range` lies within the span.
    @inlinable
    public func string(in range: Range<Int>) -> String? {
        // `extracting` checks the range; the buffer is used only inside the closure.
        unsafe extracting(range).withUnsafeBytes { bytes in
            unsafe String(validating: bytes, as: UTF8.self)
        }
    }

    /// A copy of the bytes of `range`.
    ///
    /// - Precondition: `range` lies within the span.
    @inlinable
    public func array(in range: Range<Int>) -> [UInt8] {
        // `extracting` checks the range; the bytes are copied inside the closure.
        unsafe extracting(range).withUnsafeBytes { bytes in unsafe [UInt8](bytes) }
    }

    /// A copy of all bytes.
    @inlinable public func array() -> [UInt8] { array(in: 0..<byteCount) }

    /// Whether both spans hold the same bytes. Not constant in time: not for secrets.
    ///
    /// - Complexity: O(`byteCount`), eight bytes a step.
    @inlinable
    public func isEqual(to other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        var offset = 0
        while offset &+ 8 <= byteCount {
            if load(UInt64.self, at: offset) != other.load(UInt64.self, at: offset) {
                return false
            }
            offset &+= 8
        }
        while offset < byteCount {
            if load(UInt8.self, at: offset) != other.load(UInt8.self, at: offset) { return false }
            offset &+= 1
        }
        return true
    }
}

/// Lends the bytes of `array` to `body`, without a copy.
@inlinable
public func withBytes<R: ~Copyable>(
    of array: [UInt8], _ body: (RawSpan) throws -> R
) rethrows -> R {
    // The bytes of a span of `UInt8` are all initialized, the only doubt `bytes` is marked for.
    try body(unsafe array.span.bytes)
}

/// Lends the bytes of `array` to `body`, without a copy.
@inlinable
public func withBytes<R: ~Copyable>(
    ofIntegers array: [UInt32], _ body: (RawSpan) throws -> R
) rethrows -> R {
    // An integer has no bytes that are not initialized.
    try body(unsafe array.span.bytes)
}

extension [UInt8] {
    /// Appends a copy of bytes.
    @inlinable
    public mutating func append(contentsOf bytes: RawSpan) {
        // The bytes are lent for the call, which copies them.
        unsafe bytes.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}

/// Lends the UTF-8 of `string` to `body`; copies only a string that is not stored as UTF-8.
@inlinable
public func withUTF8Bytes<R>(of string: String, _ body: (RawSpan) throws -> R) rethrows -> R {
    var string = string
    // The span is lent for the duration of `withUTF8`, which keeps the storage alive.
    return try string.withUTF8 { text in
        try body(unsafe UnsafeRawBufferPointer(text).bytes)
    }
}
