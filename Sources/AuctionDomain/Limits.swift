// Every bound of the rules in one place, each with its reason.

/// Bounds on what commands may carry. They keep every entry under `entryBytesMax`.
public enum Limits {
    /// The longest title of an auction in bytes of UTF-8.
    public static let titleBytesMax = 256
    /// The longest reason given for a cancellation in bytes of UTF-8.
    public static let reasonBytesMax = 256
    /// The most rows of an increment table; houses publish tables of about ten.
    public static let incrementRowsMax = 64
    /// The whole, in hundredths of a percent: no step and no fee is more than the price itself.
    public static let basisPointsMax = 10_000
    /// The longest window, extension or duration of an auction: ten years.
    public static let durationMillisecondsMax: Int64 = 10 * 366 * 24 * 60 * 60 * 1000
    /// The most currencies of one ledger; they are found by looking through them.
    public static let currenciesMax = 1000
    /// The largest entry: C2SP tlog-tiles gives an entry's length 16 bits.
    public static let entryBytesMax = 65_535
}
