// What an embedder can choose, and the bounds of every queue, with the reason for each default.

internal import AuctionDomain
public import Logging

/// How a ledger is run. The defaults are safe: fully durable, closing by itself. Opening checks
/// every number and throws `invalidConfiguration` for one outside of its range.
public struct Configuration: Sendable {
    /// Whether auctions are closed when their end has come.
    public enum Closing: Hashable, Sendable {
        /// They are, but for those whose end came while nobody could bid: they wait for
        /// `confirmClosings` (article Time).
        case automatic
        /// They are, also those whose end came in an outage, and the wall clock is taken as the
        /// time: somebody has looked at both, as before `Ledger.confirmClosings()`.
        case confirmed
        /// Nothing closes and bids are refused until `confirmClosings`.
        case held
    }

    public var closing = Closing.automatic
    /// Whether `open` makes a ledger where none is.
    public var createsIfMissing = true
    public var clock: any LedgerClock = SystemClock()
    /// The most commands waiting to be decided; more are refused as `queue_full`. A quarter of a
    /// second of work at a million a second.
    public var queueCommandsMax = 1 << 18
    /// How long a command id is remembered, by the time in the id.
    public var commandIDRetentionSeconds = 3600
    /// The most command ids remembered, 16 bytes each; the oldest go first.
    public var commandIDsMax = 1 << 24
    /// Below this much free space bids and openings are refused as `storage_low`, while refunds,
    /// closings and settlements still succeed.
    public var freeBytesMin = 256 << 20
    /// How long the log's file may get: room for some 600 million entries at one a commit, or 1.3
    /// billion in large frames. What is left below it counts as free space, so bids are refused as
    /// `storage_low` before it is reached; a later opening may choose more. It costs address space
    /// only, of which a process has 128 TiB: enough for 900 ledgers with as much each.
    public var mapBytes = mapBytesDefault
    /// How many entries may be new before the read state is written out again; opening replays
    /// at most about this many.
    public var snapshotIntervalEntries = 2_000_000
    /// How long closing waits for followers that drain. Ten seconds: a follower that lives takes
    /// in a run of a thousand entries in milliseconds.
    public var drainMilliseconds = 10_000
    /// The key that signs checkpoints, for a ledger that has none yet; nil makes one. Its name is
    /// what the ledger calls itself in them.
    public var signingKey: SigningKey?
    /// Whether a ledger whose key is lost goes on with another, `signingKey` or one that is made:
    /// for one opening, and only while its log names no key. Whatever was signed before is checked
    /// by the former key for ever, and nothing leads from that one to the new one.
    public var replacesLostKey = false
    /// How long entries wait for a checkpoint at most; closings wait 100 ms.
    public var checkpointIntervalMilliseconds = 1000
    /// Where each checkpoint is written once more: best on another machine's disk, where whoever
    /// replaces the ledger cannot reach it. What stands there is compared first: a copy that the
    /// ledger's log does not go on from is never replaced, and such a ledger is not written to.
    public var checkpointCopyPath: String?
    public var logger = Logger(label: "gavel")

    public static let mapBytesDefault = 128 << 30
    /// What `mapBytes` may be: room for the first pages, up to half of an address space.
    package static let mapBytesRange = 1 << 20...1 << 46
    package static let freeBytesRange = 0...Int.max

    /// Set by an import, which reads no clock: the ledger's id, and that only the times of
    /// commands close auctions.
    package var ledgerID: LedgerID?
    package var closesByTimer = true
    /// Which entries carry a salt, and where it comes from.
    package var salting = Salting.drawn
    /// Whether checkpoints say when they were signed, and are kept.
    package var datesCheckpoints = true
    /// What opening entries say of the engine.
    package var engineVersion = Ledger.version
    /// Set when a ledger goes on from an older copy although entries are known to be lost.
    package var restoration: Restoration?
    /// Set while a ledger is being built beside its place.
    package var isBuilding = false
    package var shortcuts = Shortcuts.all
    /// Takes the place of the one in the store: for tests in which two ledgers have the same one.
    package var secret: LedgerSecret?

    public init() {}

    var storeOpening: StoreOpening {
        var opening = StoreOpening()
        opening.createsIfMissing = createsIfMissing
        opening.logger = logger
        opening.isBuilding = isBuilding
        opening.mapBytes = mapBytes
        return opening
    }

    /// A window of command ids with these limits.
    func emptyWindow(from horizon: CommandHorizon) -> CommandIDWindow {
        CommandIDWindow(
            retentionSeconds: commandIDRetentionSeconds, countMax: commandIDsMax,
            horizon: horizon)
    }

    var coreSettings: EngineCore.Settings {
        var settings = EngineCore.Settings()
        settings.shortcuts = shortcuts
        settings.salting = salting
        settings.closesByTime = closesByTimer
        settings.clocksPass = clock.passesByItself
        settings.freeBytesMin = freeBytesMin
        return settings
    }
}

extension Configuration {
    /// What its numbers must be.
    package static let rules: [NumberRule<Configuration>] = [
        NumberRule("queueCommandsMax", \.queueCommandsMax, in: 1...1 << 24),
        NumberRule("commandIDRetentionSeconds", \.commandIDRetentionSeconds, in: 1...31_536_000),
        NumberRule("commandIDsMax", \.commandIDsMax, in: 1...1 << 32),
        NumberRule("freeBytesMin", \.freeBytesMin, in: freeBytesRange),
        NumberRule("mapBytes", \.mapBytes, in: mapBytesRange),
        NumberRule("snapshotIntervalEntries", \.snapshotIntervalEntries, in: 1...1 << 40),
        NumberRule("drainMilliseconds", \.drainMilliseconds, in: 0...86_400_000),
        NumberRule(
            "checkpointIntervalMilliseconds", \.checkpointIntervalMilliseconds,
            in: 1...86_400_000),
    ]

    /// Checks every number.
    /// - Throws: `LedgerError` with `invalidConfiguration`.
    package func check() throws(LedgerError) {
        for rule in Self.rules { try rule.check(self) }
    }
}

/// What a number that somebody can choose must be.
package struct NumberRule<Owner>: Sendable {
    /// The name of the field.
    package let name: String
    /// What the value is, and what it must be, where it is something else.
    private let misfit: @Sendable (Owner) -> String?

    /// - Parameter range: what the field may be. A number that is none is in no range.
    package init<Value: Comparable & Sendable>(
        _ name: String, _ field: any KeyPath<Owner, Value> & Sendable, in range: ClosedRange<Value>
    ) {
        self.name = name
        misfit = { owner in
            let value = owner[keyPath: field]
            guard !range.contains(value) else { return nil }
            return "\(value), and must be from \(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// - Throws: `LedgerError` with `invalidConfiguration`, naming field, value and range.
    package func check(_ owner: Owner) throws(LedgerError) {
        guard let misfit = misfit(owner) else { return }
        throw LedgerError(.invalidConfiguration, "\(name) is \(misfit)")
    }
}
