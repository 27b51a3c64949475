// Bytes as hexadecimal digits: lower case, two a byte, the first byte first.

extension Sequence<UInt8> {
    /// The bytes as hexadecimal digits.
    package var hexadecimal: String {
        let digits: [Character] = Array("0123456789abcdef")
        return String(flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

extension Bytes32 {
    /// The bytes as 64 hexadecimal digits.
    public var hexadecimal: String { bytes.hexadecimal }
}

extension LedgerID {
    /// The id as 32 hexadecimal digits, most significant first.
    public var hexadecimal: String {
        [high, low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }.hexadecimal
    }
}
