// What the engine does for speed alone.
//
// Invariant: with any of them left out the log has the same bytes and every answer is the same;
// ShortcutTests hold the engine to it, and `gavel benchmark storm --without` shows what each buys.

/// Ways that lead to the same place, sooner.
package struct Shortcuts: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Accepted bids are flat values from deciding to reading, not lists of events.
    package static let flatBids = Self(rawValue: 1 << 0)
    /// Names and records of many bids are touched before the first of them is judged.
    package static let lookAhead = Self(rawValue: 1 << 1)
    /// A small frame is stored on the writer's thread when nothing else is under way.
    package static let storeAtOnce = Self(rawValue: 1 << 2)
    /// Hashes are made by the processor's own instructions, two at a time.
    package static let hashInstructions = Self(rawValue: 1 << 3)

    /// Commands sent again are first looked for in the frames that were written last.
    package static let recentFrames = Self(rawValue: 1 << 4)

    package static let all: Self = [
        .flatBids, .lookAhead, .storeAtOnce, .hashInstructions, .recentFrames,
    ]

    /// Each with its name on the command line.
    package static let named: [(name: String, shortcut: Self)] = [
        ("flat-bids", .flatBids), ("look-ahead", .lookAhead), ("store-at-once", .storeAtOnce),
        ("hash-instructions", .hashInstructions), ("recent-frames", .recentFrames),
    ]
}
