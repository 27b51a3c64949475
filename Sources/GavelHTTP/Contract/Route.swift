// A route: what the service promises, and what answers.

internal import AuctionDomain
internal import Gavel
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// An operation and what it does.
struct Route: Sendable {
    let operation: Operation
    let handle: @Sendable (Call) async throws -> Response
}
