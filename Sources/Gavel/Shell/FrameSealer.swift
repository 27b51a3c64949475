// From the core's open frame to one that can be stored.

internal import AuctionDomain
internal import Logging

/// Completes frames on the store's thread: the tree grows in the order of the log.
package final class FrameSealer: @unchecked Sendable {
    // Sendable without a check: `tree` is touched by the store's one thread only.

    /// The tree up to the last sealed frame.
    package private(set) var tree: MerkleTree

    private let engine: HashEngine

    package init(tree: MerkleTree, engine: HashEngine) {
        self.tree = tree
        self.engine = engine
    }

    package func seal(_ frame: Frame, _ identity: Frame.Identity) {
        frame.seal(identity, tree: &tree, by: engine)
    }
}
