// Signing up, and who somebody is.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

/// The routes about people.
enum UserRoutes {
    static let routes = [signUp, profile]

    static let schemas: [(name: String, schema: Schema)] = [
        ("Profile", .object(publicProperties)),
        ("OwnProfile", .object(privateProperties)),
        (
            "SignUp",
            .object(
                privateProperties + [
                    .init(
                        "id", .string(format: "uuid"),
                        "The Idempotency-Key, or the one that was drawn."),
                    .init("position", .position, "Where the log has it."),
                    .init("time", .time),
                    .init("replayed", .boolean, "Whether this is the first answer again."),
                ])
        ),
    ]

    private static let publicProperties: [Schema.Property] = [
        .init("user", .string(min: 1, max: 64), "The user of the ledger; never a name."),
        .init(
            "username", .nullable(.string(min: 3, max: 32)),
            "Null where there is no account, or no longer."),
        .init("display_name", .nullable(.string(min: 1, max: 64))),
        .init("about", .nullable(.string(min: 1, max: 2000))),
        .init("member_since", .nullable(.time)),
    ]

    private static let privateProperties =
        publicProperties + [
            .init("email", .nullable(.string(max: 254))),
            .init("roles", .array(.word(Roles.named.map(\.name)))),
        ]

    static let usernameSchema = Schema.string(pattern: Username.pattern, min: 3, max: 32)
    static let passwordSchema = Schema.string(
        min: Password.characters.lowerBound, max: Password.characters.upperBound)

    static let profileExample: [(String, JSONValue)] = [
        ("user", .string("u7kq2x5mzr4hw3jd6anbt")), ("username", .string("ada")),
        ("display_name", .string("Ada L.")), ("about", .null),
        ("member_since", .string("2026-05-01T18:00:00.000Z")),
    ]
    static let ownExample = profileExample + [("email", .null), ("roles", .array([]))]

    private static let signUp = Route(
        operation: Operation(
            method: .post, path: "/users", id: "signUp", tag: .users,
            summary: "Signs up: credentials, profile and wallet in one step",
            detail: """
                The user name is compared in lower case; `house`, `operator`, `payment` and \
                `system` are taken, since the log calls others than users so. A call may be \
                repeated with the same Idempotency-Key and body, and is answered as the first \
                time; the password of a repeat is not looked at. Without a key the service draws \
                one, and a repeat finds the name taken.
                """,
            access: .anyone, ignoresToken: true, takesKey: true,
            body: .init(
                schema: .object([
                    .init("username", usernameSchema), .init("password", passwordSchema),
                    .optional("display_name", .nullable(TextRule.displayName.schema)),
                    .optional("email", .nullable(TextRule.email.schema)),
                ]),
                example: .members(
                    ("username", .string("ada")),
                    ("password", .string("correct horse battery")),
                    ("display_name", .string("Ada L.")))),
            answer: .init(
                status: 201, schema: .reference("SignUp"),
                example: .object(
                    (ownExample + [
                        ("id", .string("0196a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")),
                        ("position", .integer(12)),
                        ("time", .string("2026-05-01T18:00:00.000Z")), ("replayed", .bool(false)),
                    ]).map { JSONMember($0.0, $0.1) }),
                detail: "Signed up."),
            problems: [
                .usernameTaken, .busy, .outcomeUnknown, .tooManyCommands,
                ProblemKind(.commandIDReused),
                ProblemKind(.commandIDExpired), ProblemKind(.commandIDInFuture),
                ProblemKind(.queueFull), ProblemKind(.storageLow), ProblemKind(.shuttingDown),
            ])
    ) { call in
        let fields = try BodyFields(
            try call.members(), known: ["username", "password", "display_name", "email"])
        let username: Username
        do { username = try Username(fields.text("username")) } catch let error as MalformedValue {
            throw Problem(.malformed, "username: \(error.reason)")
        }
        guard !username.isReserved else {
            throw Problem(.usernameTaken, "\(username.text) is a name of the house itself")
        }
        let request = SignUpRequest(
            username: username, password: Password(try fields.text("password")),
            displayName: try fields.textIfPresent("display_name", .displayName),
            email: try fields.textIfPresent("email", .email))
        try request.password.check(field: "password", for: username.text)
        let key = call.key ?? .generate(at: call.ledger.now)
        let (row, isReplay) = try await call.signUp(request, key: key)
        var writer = JSONWriter()
        writer.object { object in
            row.asSignedUp(with: request).writePrivate(&object)
            object.field("id", key.description)
            object.field("position", row.position)
            object.field("time", row.memberSince)
            object.field("replayed", isReplay)
        }
        var response = Response(json: writer, status: .created)
        if let position = row.position { response.headers[.gavelPosition] = String(position) }
        if isReplay { response.headers[.idempotencyReplayed] = "true" }
        return response
    }

    private static let profile = Route(
        operation: Operation(
            method: .get, path: "/users/{user}", id: "getProfile", tag: .users,
            summary: "Says who a user is",
            detail: "A user whose account was closed, or who has none, has no name.",
            access: .anyone,
            answer: .init(
                schema: .reference("Profile"),
                example: .object(profileExample.map { JSONMember($0.0, $0.1) })),
            problems: [.profileNotFound])
    ) { call in
        let user = try call.path("user", as: UserID.self)
        guard call.ledger.knows(user),
            let profile = try call.service.accounts.profiles(of: [user])[user]
        else { throw Problem(.profileNotFound, "there is no user \(user)") }
        return Response(json: profile)
    }
}

extension Call {
    /// Signs somebody up, no more often than one address may; a repeat is not counted.
    fileprivate func signUp(
        _ request: SignUpRequest, key: CommandID
    ) async throws -> (row: AccountRow, isReplay: Bool) {
        let peer = peer
        let signUps = service.limits.signUps
        try service.limits.passwordsByAddress.check(peer)
        guard signUps.take(peer) else { throw signUps.problem(peer, .tooManyCommands) }
        var isNew = false
        defer { if !isNew { signUps.giveBack(peer) } }
        let answer = try await service.members.signUps.signUp(
            request, key: key, for: .address(peer))
        isNew = !answer.isReplay
        return answer
    }
}
