// A caller's own account.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird

/// The routes about the caller.
enum MeRoutes {
    static let routes = [me, change, password, close]

    private static let ownExample: JSONValue = .object(
        UserRoutes.ownExample.map { JSONMember($0.0, $0.1) })

    private static let me = Route(
        operation: Operation(
            method: .get, path: "/me", id: "getOwnProfile", tag: .users,
            summary: "Shows the caller's own profile and roles",
            answer: .init(schema: .reference("OwnProfile"), example: ownExample))
    ) { call in
        response(try call.service.members.account(of: call.caller.user))
    }

    private static let change = Route(
        operation: Operation(
            method: .patch, path: "/me", id: "changeOwnProfile", tag: .users,
            summary: "Changes the caller's own profile",
            detail: "What is left out stays as it is; null erases.",
            body: .init(
                schema: .object([
                    .optional("display_name", .nullable(TextRule.displayName.schema)),
                    .optional("about", .nullable(TextRule.about.schema)),
                    .optional("email", .nullable(TextRule.email.schema)),
                ]),
                example: .members(
                    ("display_name", .string("Ada L.")), ("about", .string("I sell clocks.")),
                    ("email", .null))),
            answer: .init(schema: .reference("OwnProfile"), example: ownExample))
    ) { call in
        let fields = try BodyFields(
            try call.members(), known: ["display_name", "about", "email"])
        let displayName = try fields.textIfPresent("display_name", .displayName)
        let about = try fields.textIfPresent("about", .about)
        let email = try fields.textIfPresent("email", .email)
        let row = try await call.service.members.changeProfile(of: call.caller.user) { row in
            if fields.has("display_name") { row.displayName = displayName }
            if fields.has("about") { row.about = about }
            if fields.has("email") { row.email = email }
        }
        return response(row)
    }

    private static let password = Route(
        operation: Operation(
            method: .post, path: "/me/password", id: "changePassword", tag: .users,
            summary: "Changes the caller's password and signs out everywhere",
            detail: "All tokens given so far are void, the one of this call too; streams of the "
                + "caller's end.",
            endsOthers: true,
            body: .init(
                schema: .object([
                    .init("current_password", .string(max: 1024)),
                    .init("new_password", UserRoutes.passwordSchema),
                ]),
                example: .members(
                    ("current_password", .string("correct horse battery")),
                    ("new_password", .string("staple gun and thread")))),
            answer: .init(status: 204, detail: "Changed."),
            problems: [.credentialsWrong, .busy])
    ) { call in
        let fields = try BodyFields(
            try call.members(), known: ["current_password", "new_password"])
        let current = Password(try fields.text("current_password"))
        let new = Password(try fields.text("new_password"))
        let user = try call.caller.user
        let row = try call.service.members.account(of: user)
        try new.check(field: "new_password", for: row.username)
        try await call.service.limits.confirm(user) {
            try await call.service.members.confirm(row, current)
        }
        try await call.service.members.setPassword(of: row, to: new)
        return Response(status: .noContent)
    }

    private static let close = Route(
        operation: Operation(
            method: .post, path: "/me/close", id: "closeAccount", tag: .users,
            summary: "Closes the caller's account for good",
            detail: """
                Credentials, profile, name and sessions are erased; the ledger keeps the id of \
                the user and what it did. Not while the wallet holds money, or an auction of the \
                user's is open or scheduled, also with no money in the wallet. What else the user \
                has under way is waited for, and what comes meanwhile is told to come again. \
                Afterwards nobody charges the wallet, withdraws from it or opens an auction for \
                the user.
                """,
            endsOthers: true,
            body: .init(
                schema: .object([.init("password", .string(max: 1024))]),
                example: .members(("password", .string("correct horse battery")))),
            answer: .init(status: 204, detail: "Closed."),
            problems: [.credentialsWrong, .accountHasFunds, .busy])
    ) { call in
        let fields = try BodyFields(try call.members(), known: ["password"])
        let password = Password(try fields.text("password"))
        let user = try call.caller.user
        let row = try call.service.members.account(of: user)
        try await call.service.limits.confirm(user) {
            try await call.service.members.confirm(row, password)
        }
        try await call.service.members.close(row)
        return Response(status: .noContent)
    }

    private static func response(_ row: AccountRow) -> Response {
        var writer = JSONWriter()
        writer.object { row.writePrivate(&$0) }
        return Response(json: writer)
    }
}
