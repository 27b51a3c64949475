// What the service counts.

internal import AuctionDomain
internal import Gavel

/// The service's own measurements.
final class Meters: Sendable {
    /// Counts what became of a command.
    func count(_ command: Command, _ receipt: Receipt) {}
}
