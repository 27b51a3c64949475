// From a request to a checked call: the same steps in the same order for every route, as its
// operation demands them. Handlers see only what passed.
//
// Order: a plain path · known parameters · rate by address, without a token or after bad ones ·
// who is calling · rate by caller · the key of a write · the position of a read · the body ·
// whether the caller may still do what she could when the head came.

internal import AuctionDomain
internal import Gavel
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Runs a route's demands and then the route.
struct Gatekeeper: Sendable {
    let service: AuctionService

    /// Answers a request; whatever goes wrong is a problem in the answer.
    /// - Throws: what it threw where the request itself breaks off, or stops being HTTP.
    func answer(
        _ request: Request, _ context: ServiceContext, _ route: Route
    ) async throws -> Response {
        do {
            return try await sharing(request, context) {
                try await run(route, try await check(request, context, route.operation))
            }
        } catch let problem as Problem {
            return problem.response
        } catch let error as HTTPParserError {
            // Whoever sent it will see 400 from Hummingbird, if there is anybody left.
            throw error
        } catch is RequestBrokeOff {
            return Problem(.malformed, "the body breaks off").response
        } catch let error as LedgerError {
            if error.code != .badCursor {
                context.logger.error("the ledger failed", metadata: ["error": "\(error)"])
            }
            return Problem(error).response
        } catch {
            context.logger.error("a call failed", metadata: ["error": "\(error)"])
            return Problem(.internalError).response
        }
    }

    /// Runs a route's handler as long as its caller may. What takes the caller's rights away waits
    /// for acts; what was read is not answered any more after it.
    private func run(_ route: Route, _ call: Call) async throws -> Response {
        guard let caller = call.signedIn else { return try await route.handle(call) }
        if route.operation.isAct {
            return try await service.gate.act(as: caller) { try await route.handle(call) }
        }
        try service.gate.check(caller)
        let response = try await route.handle(call)
        if !route.operation.endsOthers { try service.gate.check(caller) }
        return response
    }

    /// Counts a call for its address as connections are counted, where the connections themselves
    /// are a proxy's.
    private func sharing(
        _ request: Request, _ context: ServiceContext, _ body: () async throws -> Response
    ) async throws -> Response {
        guard service.options.trustsForwardedFor else { return try await body() }
        let peer = peer(of: request, context)
        guard service.connectionShares.take(peer) else {
            throw Problem(.rateLimited, "too many calls of the address are under way")
        }
        defer { service.connectionShares.leave(peer) }
        return try await body()
    }

    private func check(
        _ request: Request, _ context: ServiceContext, _ operation: Operation
    ) async throws -> Call {
        // Proxies may read another path out of `//a` or `/a/../b` than routes do.
        guard request.uri.path.isPlainPath else {
            throw Problem(.notFound, "the address has empty parts or dots for parts")
        }
        let query = queryParameters(of: request)
        try checkParameters(query, operation)
        let caller = try await caller(of: request, context, operation)
        let takesKey = operation.takesKey && request.headers[.idempotencyKey] != nil
        let key = operation.isWrite || takesKey ? try commandID(of: request) : nil
        if operation.isRead { try await waitForPosition(request, caller) }
        let bytes = operation.body == nil ? [] : try await body(of: request, operation.body)
        return Call(
            request: request, context: context, signedIn: caller, key: key, bytes: bytes,
            service: service, query: query)
    }

    // MARK: Steps

    private func queryParameters(of request: Request) -> [(name: Substring, value: Substring)] {
        guard request.uri.query != nil else { return [] }
        return request.uri.queryParameters.map { (name: $0.key, value: $0.value) }
    }

    private func checkParameters(
        _ query: [(name: Substring, value: Substring)], _ operation: Operation
    ) throws(Problem) {
        for (name, _) in query
        where !operation.parameters.contains(where: { $0.name == name }) {
            let known = operation.parameters.map(\.name)
            throw Problem(
                .parameterMalformed,
                "unknown parameter \(String(name).debugDescription)"
                    + (known.isEmpty
                        ? ": there are none here"
                        : ", expected one of " + known.joined(separator: ", ")))
        }
        for parameter in operation.parameters
        where parameter.isRequired && !query.contains(where: { $0.name == parameter.name }) {
            throw Problem(.parameterMalformed, "missing parameter \(parameter.name)")
        }
    }

    private func caller(
        of request: Request, _ context: ServiceContext, _ operation: Operation
    ) async throws(Problem) -> Caller? {
        let limits = service.limits
        let header = operation.ignoresToken ? nil : request.headers[.authorization]
        guard let header else {
            if limits.addresses.isLimiting {
                try limits.addresses.check(peer(of: request, context))
            }
            if case .anyone = operation.access { return nil }
            throw Problem(.tokenMissing)
        }
        let caller = try await caller(header, request, context)
        try limits.users.check(caller.user)
        if case .roles(let roles) = operation.access, caller.roles.isDisjoint(with: roles) {
            throw Problem(
                .roleRequired,
                "expected the role " + roles.names.joined(separator: " or "))
        }
        return caller
    }

    /// Who a header proves to be calling. Bad tokens count by address, and after too many of them
    /// no token from there is verified for a while, since that is work.
    private func caller(
        _ header: String, _ request: Request, _ context: ServiceContext
    ) async throws(Problem) -> Caller {
        // RFC 9110 section 11.1: the scheme's case does not matter.
        let isBearer = header.utf8.count > 7 && header.prefix(7).lowercased() == "bearer "
        let token = isBearer ? header.dropFirst(7) : ""
        if isBearer, let known = service.authenticator.known(bearing: token) { return known }
        let failures = service.limits.failures
        let isLimiting = failures.isLimiting && !failures.isEmpty
        if isLimiting { try failures.checkOnly(peer(of: request, context)) }
        do throws(Problem) {
            guard isBearer else {
                throw Problem(.tokenInvalid, "Authorization must be a bearer token")
            }
            return try await service.authenticator.caller(bearing: token)
        } catch {
            if failures.isLimiting { failures.take(peer(of: request, context)) }
            throw error
        }
    }

    private func commandID(of request: Request) throws(Problem) -> CommandID {
        guard let text = request.headers[.idempotencyKey] else {
            throw Problem(
                .commandIDMissing,
                "expected the header Idempotency-Key with a new UUID version 7 of your own")
        }
        guard let id = try? CommandID(text), id.isVersion7 else {
            throw Problem(
                .commandIDMalformed,
                "Idempotency-Key must be a UUID version 7, not "
                    + String(text.prefix(40)).debugDescription)
        }
        return id
    }

    /// Waits until the ledger shows what the caller has seen already. Within one process that is
    /// at once: receipts leave after what they rest on is shown.
    private func waitForPosition(_ request: Request, _ caller: Caller?) async throws {
        guard let text = request.headers[.gavelMinPosition] else { return }
        guard let position = UInt64(text) else {
            throw Problem(
                .parameterMalformed,
                "Gavel-Min-Position must be a position, not "
                    + String(text.prefix(40)).debugDescription)
        }
        let deadline = ContinuousClock.now + service.options.positionWait
        // A position is an entry's number, so that many entries and one more must be reflected.
        while service.ledger.reflects <= position {
            guard ContinuousClock.now < deadline else {
                throw Problem(
                    .positionNotReached,
                    "the ledger has \(service.ledger.reflects) entries, expected more than "
                        + "\(position)")
            }
            try await Task.sleep(for: .milliseconds(5))
            if let caller { try service.gate.check(caller) }
        }
    }

    private func body(of request: Request, _ body: Operation.Body?) async throws -> [UInt8] {
        let most = service.options.bodyBytesMax
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > most {
            throw Problem(.bodyTooLarge, "expected at most \(most) bytes, not \(length)")
        }
        let bytes: [UInt8]
        do {
            let buffer = try await request.body.collect(upTo: most)
            bytes = Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw Problem(.bodyTooLarge, "expected at most \(most) bytes")
        } catch let error as HTTPParserError {
            throw error
        } catch {
            // The connection is gone, or going.
            throw RequestBrokeOff()
        }
        if bytes.isEmpty {
            if body?.isOptional == true { return bytes }
            throw Problem(.malformed, "the body must be a JSON object, not empty")
        }
        let type = request.headers[.contentType] ?? ""
        guard type.isJSONType else {
            throw Problem(
                .mediaTypeUnsupported,
                "Content-Type must be application/json, in UTF-8, not "
                    + String(type.prefix(60)).debugDescription)
        }
        return bytes
    }

    /// Where a call comes from: behind a trusted proxy what that says, else the connection.
    func peer(of request: Request, _ context: ServiceContext) -> PeerAddress {
        if service.options.trustsForwardedFor,
            let last = request.headers[.forwardedFor]?.split(separator: ",").last,
            let address = PeerAddress(String(last.trimmingSpaces()))
        {
            return address
        }
        return PeerAddress(context.peer)
    }
}

/// A body that ended before its end: nobody is there to be answered.
private struct RequestBrokeOff: Error {}

extension String {
    /// Whether it is the media type of JSON in UTF-8, whatever other parameters it has.
    fileprivate var isJSONType: Bool {
        // Nearly always, and then at no cost.
        if self == "application/json" { return true }
        let parts = lowercased().split(separator: ";", omittingEmptySubsequences: false)
            .map { $0.trimmingSpaces() }
        return parts[0] == "application/json"
            && parts.dropFirst().allSatisfy {
                !$0.hasPrefix("charset") || ["charset=utf-8", "charset=\"utf-8\""].contains($0)
            }
    }

    /// Whether no part is empty, `.` or `..`; a slash may end it.
    fileprivate var isPlainPath: Bool {
        var length = 0
        var dots = 0
        for byte in utf8.dropFirst() {
            if byte == UInt8(ascii: "/") {
                if length == 0 || dots == length && length <= 2 { return false }
                (length, dots) = (0, 0)
            } else {
                length += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        return length == 0 || dots != length || length > 2
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
