// What money is counted in.

/// A currency: its name and how many digits stand behind the decimal point.
public struct Currency: Hashable, Sendable {
    /// The most digits behind the decimal point.
    public static let scaleMax: UInt8 = 9

    public let code: CurrencyCode
    /// 0 for KRW, 2 for USD, at most 9.
    public let scale: UInt8

    public init(code: CurrencyCode, scale: UInt8) {
        self.code = code
        self.scale = scale
    }
}
