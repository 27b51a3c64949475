// Streams of server-sent events: of an auction, of one's own wallet, of everything public.
//
// Invariants: what may be refused is refused before the stream begins; a stream holds its seat in
// the hub as long as its answer lives, and no longer; it ends with its client, with its caller's
// rights, with its auction or the service.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle

/// The routes of streams.
enum LiveRoutes {
    static let routes = [auction, wallet, feed]

    private static let after = Operation.Parameter(
        name: "after", schema: .integer(min: 0),
        detail: "The id of the last event that the caller has seen, or how many entries what she "
            + "has seen reflects. The header Last-Event-ID, which browsers send when they connect "
            + "again, goes before.")

    private static let stream = """
        Events have `id` (one more than the position of the last entry that changed what is \
        shown), `event` and `data` (one line of JSON). At most ten a second are sent; whoever \
        reads slowly is sent the newest state and none of those between. A comment is sent every \
        15 seconds where nothing else is.
        """

    private static let auction = Route(
        operation: Operation(
            method: .get, path: "/auctions/{auction}/live", id: "followAuction", tag: .live,
            summary: "Follows an auction",
            detail: "`event: auction`, an AuctionBrief and `reflects`, at once and whenever it "
                + "changes; a rejected bid changes nothing. After the state of a closed or "
                + "cancelled auction the stream ends; do not connect again then. " + stream,
            access: .anyone, isRead: true, parameters: [after],
            answer: .init(mediaType: "text/event-stream", detail: "The stream."),
            problems: [ProblemKind(.auctionNotFound), .busy, ProblemKind(.shuttingDown)])
    ) { call in
        let id = try call.path("auction", as: AuctionID.self)
        let seen = try call.lastEventID()
        let hub = call.service.live
        guard let mark = call.ledger.marks(of: [id])[0] else {
            throw Problem(.auctionNotFound, "there is no auction \(id)")
        }
        if call.isHead { return Call.stream() }
        let listener = LiveListener(user: call.signedIn?.user)
        let (seat, _) = try call.listen(listener, to: .auction(id), mark: mark)
        // Read after the seat was taken: what comes later is the hub's to tell.
        let now = call.ledger.marks(of: [id])[0] ?? mark
        let (event, isFinal) = try hub.auctionEvent(id, now)
        if let seen, try call.hasSeen(id, now, at: seen) {
            listener.note(event)
        } else {
            listener.put(event, at: .now)
        }
        if isFinal { listener.end() }
        return call.stream(from: listener, seat)
    }

    private static let wallet = Route(
        operation: Operation(
            method: .get, path: "/wallet/live", id: "followWallet", tag: .live,
            summary: "Follows the caller's own wallet",
            detail: "`event: wallet`, the wallet with its balances and holds, at once and "
                + "whenever these change; the id counts each of the user's commands, also one "
                + "that was rejected. The stream ends when the access token expires or is void: "
                + "connect again with a new one. " + stream,
            isRead: true, parameters: [after],
            answer: .init(mediaType: "text/event-stream", detail: "The stream."),
            problems: [ProblemKind(.userNotFound), .busy, ProblemKind(.shuttingDown)])
    ) { call in
        let caller = try call.caller
        let seen = try call.lastEventID()
        let hub = call.service.live
        guard let mark = call.ledger.marks(of: [caller.user])[0] else {
            throw Problem(.userNotFound, "\(caller.user) has no wallet")
        }
        if call.isHead { return Call.stream() }
        let listener = LiveListener(user: caller.user, expires: caller.expires)
        let (seat, _) = try call.listen(listener, to: .wallet(caller.user), mark: mark)
        let now = call.ledger.marks(of: [caller.user])[0] ?? mark
        let event = try hub.walletEvent(caller.user, now)
        if let seen, seen <= call.ledger.reflects, now.position.map({ $0 < seen }) ?? true {
            listener.note(event)
        } else {
            listener.put(event, at: .now)
        }
        return call.stream(from: listener, seat)
    }

    private static let feed = Route(
        operation: Operation(
            method: .get, path: "/live", id: "followAll", tag: .live,
            summary: "Follows everything public",
            detail: "`event: feed`, the public states of the auctions that changed since the "
                + "event before, at most 200; `more` says that others may have changed too and "
                + "would follow. `event: reset` instead, where too much lies between: what was "
                + "missed can be paged through at /log/events from `missed_from` on. " + stream,
            access: .anyone, isRead: true, parameters: [after],
            answer: .init(mediaType: "text/event-stream", detail: "The stream."),
            problems: [.busy, ProblemKind(.shuttingDown)])
    ) { call in
        let seen = try call.lastEventID()
        if call.isHead { return Call.stream() }
        let hub = call.service.live
        let listener = LiveListener(user: call.signedIn?.user)
        let (seat, start) = try call.listen(listener, to: .feed, mark: nil)
        return call.stream(from: listener, seat) { listener, writer in
            var position = seen ?? start
            if let seen, seen > call.ledger.reflects {
                // Of another log, or of a later one than this.
                position = start
                try await writer.write(hub.resetEvent(from: start, to: start).bytes)
            }
            try await writer.catchUp(from: &position, to: start, hub)
            if seen == nil {
                // Tells where the feed begins.
                try await writer.write(hub.feedBegins(at: start).bytes)
            }
            while let event = await listener.next() {
                if let first = event.start, event.position > position {
                    // What was skipped while the socket had no room.
                    try await writer.catchUp(from: &position, to: first, hub)
                    position = event.position
                } else if event.start != nil {
                    continue
                }
                try await writer.write(event.bytes)
            }
        }
    }
}

extension ResponseBodyWriter {
    /// Writes what has changed between two positions, or that it is too much.
    fileprivate mutating func catchUp(
        from position: inout UInt64, to end: UInt64, _ hub: LiveHub
    ) async throws {
        while position < end {
            if end - position > LiveHub.feedResumeEntriesMax {
                try await write(hub.resetEvent(from: position, to: end).bytes)
                position = end
            } else {
                let (event, next) = try hub.feedEvent(
                    from: position, entriesMax: Int(end - position))
                position = next
                if let event { try await write(event.bytes) }
            }
        }
    }
}

extension Call {
    /// How many entries a client that connects again has seen reflected.
    fileprivate func lastEventID() throws(Problem) -> UInt64? {
        guard let text = request.headers[.lastEventID], !text.isEmpty else {
            return try integer("after", in: 0...UInt64(Int64.max))
        }
        guard let position = UInt64(text) else {
            throw Problem(
                .parameterMalformed,
                "Last-Event-ID must be a position, not "
                    + String(text.prefix(40)).debugDescription)
        }
        return position
    }

    /// Whether an auction stood like this already when so many entries were reflected.
    fileprivate func hasSeen(
        _ auction: AuctionID, _ mark: ChangeMark, at seen: UInt64
    ) throws -> Bool {
        guard seen <= ledger.reflects, let position = mark.position, position < seen
        else { return false }
        guard mark.status == .open, let last = try ledger.entry(at: position) else { return true }
        // An auction opens by time, without an entry and so without another id: the one that was
        // seen may be that of the state before. Only where the last entry about the auction came
        // after the opening was it the open one's. (The entry before `seen` is not looked at: the
        // caller chooses that, and would learn when it was made.)
        return try ledger.listing(auction).value.opensAt <= last.time
    }

    fileprivate func listen(
        _ listener: LiveListener, to topic: LiveTopic, mark: ChangeMark?
    ) throws(Problem) -> (seat: LiveSeat, feedTold: UInt64) {
        let options = service.options
        return try service.live.listen(
            listener, to: topic, mark: mark, for: causer,
            most: signedIn == nil
                ? options.liveListenersByAddress : options.liveListenersByUser)
    }

    /// The answer that goes on as long as there are events, the client is there and the service
    /// runs.
    /// - Parameter write: hands on what comes; by default each event as it is.
    fileprivate func stream(
        from listener: LiveListener, _ seat: LiveSeat,
        _ write:
            @escaping @Sendable (LiveListener, inout any ResponseBodyWriter) async throws -> Void =
            {
                listener, writer in
                while let event = await listener.next() { try await writer.write(event.bytes) }
            }
    ) -> Response {
        let requestBody = request.body
        let watchesConnection = service.options.watchesConnections
        let body = ResponseBody { writer in
            defer { seat.leave() }
            guard watchesConnection else {
                try await write(listener, &writer)
                return try await writer.finish(nil)
            }
            try await withGracefulShutdownHandler {
                try await requestBody.consumeWithInboundCloseHandler { _ in
                    try await write(listener, &writer)
                } onInboundClosed: {
                    listener.end()
                }
            } onGracefulShutdown: {
                listener.end(LiveHub.farewell)
            }
            try await writer.finish(nil)
        }
        return Self.stream(body)
    }

    /// A stream's answer; without a body for HEAD, which opens no stream.
    fileprivate static func stream(
        _ body: ResponseBody = ResponseBody { try await $0.finish(nil) }
    ) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store",
                .accelBuffering: "no",
            ],
            body: body)
    }
}

extension HTTPField.Name {
    /// Tells nginx to hand events on as they come.
    fileprivate static let accelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
