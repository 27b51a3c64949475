// Signing in and out, and the keys that tokens can be verified with.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

/// The routes about tokens.
enum TokenRoutes {
    static let routes = [signIn, refresh, revoke, keys]

    static let schemas: [(name: String, schema: Schema)] = [
        (
            "TokenPair",
            .object([
                .init("access_token", .string(), "To be sent as a bearer token."),
                .init("token_type", .word(["Bearer"])),
                .init("expires_in", .integer(min: 1), "Seconds that the access token is valid."),
                .init(
                    "refresh_token", .string(),
                    "To be used once, for the next pair. Using it again signs the device out."),
                .init("refresh_expires_in", .integer(min: 0), "Seconds."),
                .init("user", .string(min: 1, max: 64)),
            ])
        ),
        (
            "KeySet",
            .object([
                .init(
                    "keys",
                    .array(
                        .object([
                            .init("kty", .word(["OKP", "EC"])),
                            .init("crv", .word(["Ed25519", "P-256"])),
                            .init("x", .string()), .optional("y", .string()),
                            .init("kid", .string()), .init("use", .word(["sig"])),
                            .init("alg", .word(["EdDSA", "ES256"])),
                        ])))
            ])
        ),
    ]

    private static let pairExample: JSONValue = .members(
        ("access_token", .string("eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJnYXZlbCJ9.c2lnbmF0dXJl")),
        ("token_type", .string("Bearer")), ("expires_in", .integer(AccessTokens.seconds)),
        ("refresh_token", .string("family.secret")),
        ("refresh_expires_in", .integer(RefreshToken.seconds)),
        ("user", .string("u7kq2x5mzr4hw3jd6anbt")))

    private static let tokenBody = Operation.Body(
        schema: .object([.init("refresh_token", .string(max: 200))]),
        example: .members(("refresh_token", .string("family.secret"))))

    private static let signIn = Route(
        operation: Operation(
            method: .post, path: "/tokens", id: "signIn", tag: .users, summary: "Signs in",
            detail: "Tries are limited by address, and wrong ones for a user name from one "
                + "address and from all that its owner has not come from.",
            access: .anyone, ignoresToken: true,
            body: .init(
                schema: .object([
                    .init("username", .string(max: 64)), .init("password", .string(max: 1024)),
                ]),
                example: .members(
                    ("username", .string("ada")),
                    ("password", .string("correct horse battery")))),
            answer: .init(schema: .reference("TokenPair"), example: pairExample),
            problems: [.credentialsWrong, .busy])
    ) { call in
        let fields = try BodyFields(try call.members(), known: ["username", "password"])
        let name = try fields.text("username")
        let password = Password(try fields.text("password"))
        guard name.unicodeScalars.count <= 64, password.bytes.count <= 4096 else {
            throw Problem(.malformed, "username or password is too long")
        }
        let service = call.service
        let guesser = Limits.Guesser(name: name.lowercased(), peer: call.peer)
        return response(
            try await service.limits.signIn(guesser) {
                try service.accounts.knows(guesser.peer, of: name)
            } _: {
                try await service.members.signIn(name, password, from: guesser.peer)
            })
    }

    private static let refresh = Route(
        operation: Operation(
            method: .post, path: "/tokens/refresh", id: "refreshTokens", tag: .users,
            summary: "Exchanges a refresh token for a new pair",
            detail: """
                Each refresh token is good for one call. One that is used a second time was \
                copied: its whole family is revoked, so thief and owner both have to sign in.
                """,
            access: .anyone, ignoresToken: true, body: tokenBody,
            answer: .init(schema: .reference("TokenPair"), example: pairExample),
            problems: [.refreshTokenInvalid])
    ) { call in
        response(try await call.service.members.refresh(refreshToken(of: call), from: call.peer))
    }

    private static let revoke = Route(
        operation: Operation(
            method: .post, path: "/tokens/revoke", id: "signOut", tag: .users,
            summary: "Signs out: revokes a refresh token with its family",
            detail: """
                The answer is the same whether there was such a token. Access tokens are valid \
                until they expire, within ten minutes.
                """,
            access: .anyone, ignoresToken: true, body: tokenBody,
            answer: .init(status: 204, detail: "Signed out."))
    ) { call in
        try await call.service.accounts.signOut(refreshToken(of: call))
        return Response(status: .noContent)
    }

    private static let keys = Route(
        operation: Operation(
            method: .get, path: "/.well-known/jwks.json", id: "listKeys", tag: .users,
            summary: "Lists the public keys of access tokens (RFC 7517)",
            detail: "None where tokens are signed with HS256.",
            access: .anyone, ignoresToken: true,
            answer: .init(schema: .reference("KeySet")))
    ) { call in
        var writer = JSONWriter()
        try writer.object { try call.service.members.keys.writePublic(to: &$0) }
        var response = Response(json: writer)
        response.headers[.cacheControl] = "public, max-age=300"
        return response
    }

    private static func refreshToken(of call: Call) throws(Problem) -> String {
        try BodyFields(try call.members(), known: ["refresh_token"]).text("refresh_token")
    }

    private static func response(_ pair: Members.TokenPair) -> Response {
        var writer = JSONWriter()
        writer.object { object in
            object.field("access_token", pair.access)
            object.field("token_type", "Bearer")
            object.field("expires_in", AccessTokens.seconds)
            object.field("refresh_token", pair.refresh)
            object.field("refresh_expires_in", pair.refreshSeconds)
            object.field("user", pair.user)
        }
        return Response(json: writer)
    }
}
