// The dense numbers that stand for names inside a ledger.
//
// Invariant: a handle is the name's registration number within one ledger, counted from 0, and is
// never used again.

/// A user's registration number; the house is 0.
public struct UserHandle: Hashable, Comparable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
    /// Stands where no user stands, in what is stored and in records that must stay small; never
    /// registered, and never given out.
    @inlinable package static var none: UserHandle { UserHandle(rawValue: .max) }
    /// Stands where more than one user stands, in records that must stay small; never registered,
    /// and never given out.
    @inlinable package static var several: UserHandle { UserHandle(rawValue: .max - 1) }
    /// The user `house`.
    public static let house = UserHandle(rawValue: 0)
    @inlinable package var index: Int { Int(truncatingIfNeeded: rawValue) }
}

/// An auction's number in order of opening, from 0.
public struct AuctionHandle: Hashable, Comparable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
    @inlinable package var index: Int { Int(truncatingIfNeeded: rawValue) }
}

/// A currency's registration number, from 0.
public struct CurrencyHandle: Hashable, Comparable, Sendable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
    /// Stands where no currency stands; never registered (`Limits.currenciesMax` is below), and
    /// never given out.
    @inlinable package static var none: CurrencyHandle { CurrencyHandle(rawValue: .max) }
    @inlinable package var index: Int { Int(truncatingIfNeeded: rawValue) }
}
