// Filling room that somebody else owns: a checked copy into `MutableRawSpan`.

extension MutableRawSpan {
    /// Copies all of `source` to `offset`.
    ///
    /// - Precondition: it fits.
    public mutating func copy(_ source: RawSpan, at offset: Int) {
        precondition(
            offset >= 0 && source.byteCount <= byteCount - offset,
            "a copy outside the bytes of the span")
        // Checked just above; a mutable span is exclusive, so the two cannot overlap.
        unsafe source.withUnsafeBytes { from in
            unsafe withUnsafeMutableBytes { to in
                guard let start = from.baseAddress, let target = to.baseAddress else { return }
                unsafe (target + offset).copyMemory(from: start, byteCount: from.count)
            }
        }
    }
}
