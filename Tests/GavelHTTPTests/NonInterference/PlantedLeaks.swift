// Leaks, each planted into one world's view, that the comparison must find.

import AuctionDomain
import Gavel
import GavelJSON
import HTTPTypes
import Hummingbird
import Testing

@testable import GavelHTTP

/// A leak as a mistake would make it.
enum PlantedLeak: String, CaseIterable, Sendable {
    /// The story gives the full reason of a price.
    case fullPriceReason
    /// The story gives the maximum of a bid.
    case maximumInStep
    /// The page of an auction gives its reserve before the close.
    case reserveWhileOpen
    /// The page of an auction has an ETag from the last entry about it, rejected ones included.
    case tagOfChainHead
    /// The log's public sequence gives the time of a blanked entry.
    case timeOfBlankedEntry
    /// A stream counts rejected bids.
    case countedRejections
    /// A stream tells something after a rejected bid, if only that it is alive.
    case wokenByRejection

    /// Where to begin looking: a pair of worlds that one leak alone tells apart is rare.
    var firstSeed: UInt64 { self == .fullPriceReason ? 990 : 0 }

    /// Whether the leak is in what streams tell, not in what a route answers.
    var leaksInStreams: Bool { self == .countedRejections || self == .wokenByRejection }

    /// Whether an operation's answers are what leaks.
    func leaks(through operation: String) -> Bool {
        switch self {
        case .fullPriceReason, .maximumInStep: operation == "getAuctionHistory"
        case .reserveWhileOpen, .tagOfChainHead: operation == "getAuction"
        case .timeOfBlankedEntry: operation == "listPublicEntries"
        case .countedRejections, .wokenByRejection: false
        }
    }

    /// The service's routes, one of them leaky.
    func routes(_ routes: [Route]) -> [Route] {
        routes.map { route in
            guard let handle = handler(of: route) else { return route }
            return Route(operation: route.operation, handle: handle)
        }
    }

    private func handler(
        of route: Route
    ) -> (@Sendable (Call) async throws -> Response)? {
        guard leaks(through: route.operation.id) else { return nil }
        switch self {
        case .fullPriceReason:
            return { call in try Self.story(call) { $0.priceReason?.rawValue ?? "" } }
        case .maximumInStep:
            return { call in try Self.story(call) { "\($0.amount?.minorUnits ?? 0)" } }
        case .reserveWhileOpen:
            return { call in
                let id = try call.path("auction", as: AuctionID.self)
                let view = try call.asking(.auctionNotFound) { () throws(LedgerError) in
                    try call.ledger.auction(id)
                }
                return Response(reflecting: view.reflects) { $0.auction(view.value) }
            }
        case .tagOfChainHead:
            return { call in
                var response = try await route.handle(call)
                let id = try call.path("auction", as: AuctionID.self)
                let head = try call.ledger.history(of: .auction(id), limit: 1).items.first
                response.headers[.eTag] = "\"\(head?.position ?? 0)\""
                return response
            }
        case .timeOfBlankedEntry:
            return { call in
                let entries = try call.ledger.entries(from: 0)
                return Response(reflecting: call.ledger.reflects) { writer in
                    writer.array { array in
                        for entry in entries { array.value(entry.time.rfc3339) }
                    }
                }
            }
        case .countedRejections, .wokenByRejection: return nil
        }
    }

    /// The story with some text of each accepted step.
    private static func story(
        _ call: Call, _ text: (AuctionStep) -> String
    ) throws -> Response {
        let id = try call.path("auction", as: AuctionID.self)
        let steps = try call.asking(.auctionNotFound) { () throws(LedgerError) in
            try call.ledger.story(of: id, limit: 200)
        }
        return Response(reflecting: steps.reflects) { writer in
            writer.array { array in
                for step in steps.items where step.rejection == nil { array.value(text(step)) }
            }
        }
    }
}
