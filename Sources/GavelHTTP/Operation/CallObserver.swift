// Around every call: its request id, how long it took and what came of it.
//
// Invariants: no answer to HEAD has content, whatever it says; a line about a call holds its
// method, the route's pattern, status, time and request id, and nothing that the client has sent
// but a request id of safe characters; nothing is put into words unless a line is written.

internal import Dispatch
internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Watches the calls of one route.
struct CallObserver: Sendable {
    let method: String
    /// The route's pattern: `/auctions/{auction}`.
    let route: String
    let meter: RouteMeter
    /// From how many nanoseconds on a call is slow enough for a warning.
    let slowNanoseconds: UInt64

    /// Runs a call and takes note of it.
    func observe(
        _ request: Request, _ context: ServiceContext,
        _ answer: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let start = DispatchTime.now().uptimeNanoseconds
        var context = context
        let id: String
        if let given = request.headers[.requestID], Self.isSafe(given) {
            id = given
            context.logger[metadataKey: Self.idKey] = .string(given)
        } else {
            // A handler that keeps no metadata has lost it.
            id = context.logger[metadataKey: Self.idKey]?.description ?? RequestID().description
        }
        var response: Response
        do { response = try await answer(request, context) } catch {
            // The request broke off, or was none: Hummingbird answers 400, if anybody listens.
            note(400, isRejection: false, since: start, context)
            throw error
        }
        response.headers[.requestID] = id
        if request.method == .head { response = response.withoutContent }
        // Of all problems only a rejection is an entry of the log, and so has a position.
        let isRejection =
            response.status.kind == .clientError && response.headers[.gavelPosition] != nil
        note(response.status.code, isRejection: isRejection, since: start, context)
        return response
    }

    private func note(
        _ status: Int, isRejection: Bool, since start: UInt64, _ context: ServiceContext
    ) {
        let nanoseconds = DispatchTime.now().uptimeNanoseconds - start
        meter.count(status, isRejection: isRejection, nanoseconds: Int64(nanoseconds))
        let isSlow = nanoseconds >= slowNanoseconds
        // 503 is an answer: the ledger or a limit says no for now.
        if status >= 500 && status != 503 || isSlow {
            log(.warning, isSlow ? "slow request" : "failed request", status, nanoseconds, context)
        } else if context.logger.logLevel <= .debug {
            log(.debug, "request", status, nanoseconds, context)
        }
    }

    private func log(
        _ level: Logger.Level, _ message: Logger.Message, _ status: Int, _ nanoseconds: UInt64,
        _ context: ServiceContext
    ) {
        context.logger.log(
            level: level, message,
            metadata: [
                "method": .string(method), "route": .string(route),
                "status": .stringConvertible(status),
                "microseconds": .stringConvertible(Int(nanoseconds / 1000)),
            ])
    }

    /// Hummingbird's name for the request's id in all its lines.
    static let idKey = "hb.request.id"

    /// Whether a client's own request id may stand in logs and headers: 1 to 64 letters, digits
    /// and `.`, `_`, `-`.
    static func isSafe(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
