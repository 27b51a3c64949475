// Accounts over HTTP: signing up and in, profiles, passwords, closing.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Logging
import Synchronization
import Testing

@testable import GavelHTTP

@Suite("Accounts")
struct UsersTests {
    static let password = "correct horse battery"

    @Test("Signing up gives credentials, profile and wallet; the user's id is no name")
    func signUp() async throws {
        try await TestService.withAccounts { test in
            let answer = try await test.call(
                "POST", "/users", headers: [("x", "y")],
                """
                {"username":"Ada.L","password":"\(Self.password)","display_name":"Ada",
                 "email":"ada@example.com"}
                """
            )
            #expect(answer.status == 201, "\(answer.text)")
            let user = try #require(answer.json["user"] as? String)
            #expect(user.count == 21 && user.hasPrefix("u") && !user.contains("ada"))
            #expect(answer.json["username"] as? String == "Ada.L")
            #expect(answer.json["email"] as? String == "ada@example.com")
            #expect(answer.json["roles"] as? [String] == [])
            #expect(answer.json["replayed"] as? Bool == false)
            let position = try #require(answer.position)
            #expect(answer.headers["gavel-position"] == String(position))
            #expect(try test.ledger.wallet(UserID(user)).value.balances.isEmpty)

            let pair = try await test.signIn("ada.l")
            #expect(pair["token_type"] as? String == "Bearer")
            #expect(pair["expires_in"] as? Int == 600)
            #expect(pair["refresh_expires_in"] as? Int == 2_592_000)
            #expect(pair["user"] as? String == user)
            let me = try await test.call("GET", "/me", as: pair["access_token"] as? String)
            #expect(me.status == 200)
            #expect(me.json["display_name"] as? String == "Ada")
            let profile = try await test.call("GET", "/users/\(user)")
            #expect(profile.status == 200)
            #expect(profile.json["username"] as? String == "Ada.L")
            #expect(profile.json["email"] == nil)
            #expect(profile.json["member_since"] as? String == answer.json["time"] as? String)
        }
    }

    @Test("A sign-up is answered again under its key; the key with other content is refused")
    func signUpAgain() async throws {
        try await TestService.withAccounts { test in
            let key = CommandID.generate()
            let body = #"{"username":"ada","password":"\#(Self.password)"}"#
            let first = try await test.call("POST", "/users", key: key, body)
            let again = try await test.call("POST", "/users", key: key, body)
            #expect(first.status == 201)
            #expect(again.status == 201)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.json["user"] as? String == first.json["user"] as? String)
            #expect(again.position == first.position)
            #expect(again.json["id"] as? String == key.description)
            // Nobody learns by a repeat whether a password is the right one.
            let guess = #"{"username":"ada","password":"another password"}"#
            let guessed = try await test.call("POST", "/users", key: key, guess)
            #expect(guessed.status == 201 && guessed.body == again.body)
            #expect(try await test.call("POST", "/tokens", guess).code == "credentials_wrong")
            for other in [
                #"{"username":"ada","password":"\#(Self.password)","display_name":"A"}"#,
                #"{"username":"Ada","password":"\#(Self.password)"}"#,
                #"{"username":"bob","password":"\#(Self.password)"}"#,
            ] {
                let answer = try await test.call("POST", "/users", key: key, other)
                #expect(answer.status == 409, "\(other)")
                #expect(answer.code == "command_id_reused", "\(other)")
            }
            // The name that met the used key is free.
            #expect(try await test.signUp("bob").status == 201)
            let taken = try await test.signUp("ADA")
            #expect(taken.status == 409)
            #expect(taken.code == "username_taken")
            // Without a key there is nothing to tell a repeat by.
            let connection = try test.connect()
            let keyless = try await connection.call("POST", "/users", body: body)
            #expect(keyless.code == "username_taken")
            let malformed = try await connection.call(
                "POST", "/users", headers: [("idempotency-key", "1")], body: body)
            #expect(malformed.status == 400)
            #expect(malformed.code == "command_id_malformed")
        }
    }

    @Test("A repeated sign-up is answered as the first time, whatever the account has become since")
    func signUpAgainLater() async throws {
        try await TestService.withAccounts { test in
            let key = CommandID.generate()
            let body = #"{"username":"ada","password":"\#(Self.password)","display_name":"Ada"}"#
            let first = try await test.call("POST", "/users", key: key, body)
            let user = try UserID(try #require(first.json["user"] as? String))
            let changed = try await test.call(
                "PATCH", "/me", as: test.token("ada"),
                #"{"display_name":null,"about":"I sell clocks.","email":"ada@example.com"}"#)
            #expect(changed.status == 200)
            try await test.service.members.setRoles(of: user, to: .auditor)
            let again = try await test.call("POST", "/users", key: key, body)
            #expect(again.json["replayed"] as? Bool == true)
            #expect(
                again.text.replacing(#""replayed":true"#, with: #""replayed":false"#) == first.text)
        }
    }

    @Test("What a name, a password and a profile must be is said by field, without the secret")
    func shapes() async throws {
        try await TestService.withAccounts { test in
            let password = #""password":"\#(Self.password)""#
            func tooLong(_ count: Int) -> String { String(repeating: "a", count: count) }
            for (body, word) in [
                (#"{"username":"ad",\#(password)}"#, "username"),
                (#"{"username":"-ada",\#(password)}"#, "username"),
                (#"{"username":"ada ",\#(password)}"#, "username"),
                (#"{"username":"ädä",\#(password)}"#, "username"),
                (#"{"username":"\#(tooLong(33))",\#(password)}"#, "username"),
                (#"{"username":"ada","password":"too short"}"#, "password"),
                (#"{"username":"ada","password":"\#(tooLong(257))"}"#, "password"),
                (#"{"username":"ada.lovelace","password":"ADA.lovelace"}"#, "user name"),
                (#"{"username":"ada","password":12345678901}"#, "password must be a string"),
                (#"{"username":"ada"}"#, "missing field \"password\""),
                (#"{"username":"ada",\#(password),"role":"operator"}"#, "unknown field"),
                (#"{"username":"ada",\#(password),"email":"a@b@c"}"#, "email"),
                (#"{"username":"ada",\#(password),"display_name":""}"#, "display_name"),
                (#"{"username":"ada",\#(password),"display_name":"a\u0007"}"#, "display_name"),
            ] {
                let answer = try await test.call("POST", "/users", body)
                #expect(answer.status == 400, "\(body)")
                #expect(answer.code == "malformed", "\(body)")
                let detail = answer.json["detail"] as? String ?? ""
                #expect(detail.contains(word), "\(body): \(detail)")
                #expect(!answer.text.contains("too short") && !answer.text.contains("12345678901"))
            }
            // Composed and decomposed are one password.
            #expect(try await test.signUp("umlaut", "pässword ä").status == 201)
            _ = try await test.signIn("umlaut", "pa\u{308}ssword a\u{308}")
        }
    }

    @Test("Nobody signs up under a name by which the log calls the house")
    func houseNames() async throws {
        try await TestService.withAccounts { test in
            for name in ["house", "operator", "payment", "system", "Operator", "HOUSE"] {
                let answer = try await test.signUp(name)
                #expect(answer.status == 409 && answer.code == "username_taken", "\(name)")
            }
            #expect(try await test.signUp("operator-7").status == 201)
        }
    }

    @Test("An unknown user and a wrong password get the same answer, after the same work")
    func credentials() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let wrong = try await test.call(
                "POST", "/tokens", #"{"username":"ada","password":"not this one"}"#)
            #expect(wrong.status == 401)
            #expect(wrong.code == "credentials_wrong")
            for name in ["bob", "no such name!", ""] {
                let unknown = try await test.call(
                    "POST", "/tokens", #"{"username":"\#(name)","password":"not this one"}"#)
                #expect(unknown.status == 401)
                #expect(unknown.body == wrong.body)
            }
        }
        let hasher = PasswordHasher(costLog2: 5)
        let known = try await hasher.hash(Password("some password"))
        let nothing = PasswordHash.nothing(costLog2: 5)
        #expect(known.costLog2 == nothing.costLog2)
        #expect(known.blockSize == nothing.blockSize && known.parallelism == nothing.parallelism)
        #expect(known.hash.count == nothing.hash.count && known.salt.count == nothing.salt.count)
        #expect(try await hasher.matches(Password("some password"), known))
        #expect(try await !hasher.matches(Password("some passwort"), known))
        #expect(try await !hasher.matches(Password("some password"), nil))
    }

    @Test("A hash of cheaper parameters is made anew when its owner signs in")
    func rehash() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let accounts = test.service.accounts
            let name = try Username("ada")
            let cheap = try PasswordHash(Password(Self.password), costLog2: 2)
            let user = try #require(try accounts.account(named: name)).userID
            try await accounts.change(user) { row, _ in row.password = cheap }
            _ = try await test.signIn("ada")
            #expect(try accounts.account(named: name)?.password?.costLog2 == 4)
            _ = try await test.signIn("ada")
        }
    }

    @Test("One hash a core is under way, a few wait, and more are told to come again")
    func busy() async throws {
        let hasher = PasswordHasher(costLog2: 4, threads: 1, waitingMax: 2)
        let held = try await HeldWorkers(hasher.workers, threads: 1)
        let (answers, answered) = AsyncStream<String>.makeStream()
        for _ in 0..<5 {
            Task {
                do {
                    try await hasher.workers.run(for: .house) {}
                    answered.yield("done")
                } catch {
                    answered.yield((error as? Problem)?.kind.code ?? "\(error)")
                }
            }
        }
        var refused: [String] = []
        for await answer in answers {
            refused.append(answer)
            if refused.count == 3 { break }
        }
        #expect(refused == ["busy", "busy", "busy"])
        try await held.end()
    }

    private func limited(
        byUser: Double = 0, byAddress: Double = 0
    ) -> (inout ServiceOptions) -> Void {
        { options in
            options.signInsPerHourByUser = byUser
            options.signInsPerHourByAddress = byAddress
        }
    }

    @Test("Tries of passwords are limited by name, whether there is such a user, and by address")
    func limits() async throws {
        for name in ["ada", "bob"] {
            try await TestService.withAccounts(limited(byUser: 3)) { test in
                try await test.signUp("ada")
                let body = #"{"username":"\#(name)","password":"not this one"}"#
                for _ in 0..<3 {
                    #expect(try await test.call("POST", "/tokens", body).status == 401)
                }
                let limited = try await test.call("POST", "/tokens", body)
                #expect(limited.status == 429)
                #expect(limited.code == "rate_limited")
                #expect(Int(limited.headers["retry-after"] ?? "") ?? 0 > 60)
            }
        }
        try await TestService.withAccounts(limited(byAddress: 2)) { test in
            let signUp = try await test.signUp("ada")
            #expect(signUp.status == 201)
            let body = #"{"username":"bob","password":"not this one"}"#
            #expect(try await test.call("POST", "/tokens", body).status == 401)
            #expect(try await test.call("POST", "/tokens", body).status == 429)
        }
    }

    @Test("A profile is changed by its owner: what is left out stays, null erases")
    func profile() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let token = try await test.token("ada")
            let changed = try await test.call(
                "PATCH", "/me", as: token,
                #"{"display_name":"Ada \"L\"","about":"I sell\nclocks.","email":"a@b"}"#)
            #expect(changed.status == 200, "\(changed.text)")
            #expect(changed.json["display_name"] as? String == "Ada \"L\"")
            let again = try await test.call("PATCH", "/me", as: token, #"{"email":null}"#)
            #expect(again.json["about"] as? String == "I sell\nclocks.")
            #expect(again.json["email"] is NSNull)
            let user = try #require(again.json["user"] as? String)
            let seen = try await test.call("GET", "/users/\(user)")
            #expect(seen.json["display_name"] as? String == "Ada \"L\"")
            let refused = try await test.call("PATCH", "/me", as: token, #"{"username":"x"}"#)
            #expect(refused.status == 400)
            #expect(try await test.call("GET", "/me").code == "token_missing")
        }
    }

    @Test("Profiles are read for many users at once; who has none has one without a name")
    func profiles() async throws {
        try await TestService.withAccounts { test in
            let ada = try #require(try await test.signUp("ada").json["user"] as? String)
            try await test.submit(.registerUser("imported"))
            let users: [UserID] = [UserID(unchecked: ada), "imported", UserID(unchecked: ada)]
            let profiles = try test.service.accounts.profiles(of: users)
            #expect(profiles.count == 2)
            let imported = String(decoding: profiles["imported"] ?? [], as: UTF8.self)
            #expect(
                imported == #"{"user":"imported","username":null,"display_name":null,"#
                    + #""about":null,"member_since":null}"#
            )
            let answer = try await test.call("GET", "/users/imported")
            #expect(answer.status == 200)
            #expect(answer.text == imported)
            let missing = try await test.call("GET", "/users/nobody")
            #expect(missing.status == 404)
            #expect(missing.code == "profile_not_found")
        }
    }

    @Test("Another password needs the present one, and voids every token given before")
    func changePassword() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let pair = try await test.signIn("ada")
            let token = try #require(pair["access_token"] as? String)
            let refresh = try #require(pair["refresh_token"] as? String)
            #expect(try await test.call("GET", "/me", as: token).status == 200)
            let wrong = try await test.call(
                "POST", "/me/password", as: token,
                #"{"current_password":"not this one","new_password":"another password"}"#)
            #expect(wrong.status == 401)
            #expect(wrong.code == "credentials_wrong")
            let short = try await test.call(
                "POST", "/me/password", as: token,
                #"{"current_password":"\#(Self.password)","new_password":"short"}"#)
            #expect(short.code == "malformed")
            let changed = try await test.call(
                "POST", "/me/password", as: token,
                #"{"current_password":"\#(Self.password)","new_password":"another password"}"#)
            #expect(changed.status == 204)
            #expect(try await test.call("GET", "/me", as: token).code == "token_invalid")
            #expect(try await test.refresh(refresh).code == "refresh_token_invalid")
            let old = try await test.call(
                "POST", "/tokens", #"{"username":"ada","password":"\#(Self.password)"}"#)
            #expect(old.code == "credentials_wrong")
            _ = try await test.signIn("ada", "another password")
        }
    }

    // MARK: Closing

    @Test("An account is not closed while money or lots hang on it; then nothing personal is left")
    func closing() async throws {
        try await TestService.withAccounts { test in
            try await test.submit(.registerCurrency(Currency(code: "USD", scale: 2)))
            let name = "nobody-else-has-this-name"
            let answer = try await test.call(
                "POST", "/users",
                """
                {"username":"\(name)","password":"\(Self.password)",
                 "display_name":"Zaphod Unmistakable","email":"zaphod@unmistakable.example"}
                """
            )
            let user = UserID(unchecked: try #require(answer.json["user"] as? String))
            for other in 0..<40 { try await test.signUp("someone-\(other)") }
            let pair = try await test.signIn(name)
            let token = try #require(pair["access_token"] as? String)
            let about = String(repeating: "Unmistakable prose. ", count: 90)
            try await test.call("PATCH", "/me", as: token, #"{"about":"\#(about)"}"#)

            let body = #"{"password":"\#(Self.password)"}"#
            try await test.submit(
                .charge(user: user, currency: "USD", amount: 500, reference: "c"))
            let funds = try await test.call("POST", "/me/close", as: token, body)
            #expect(funds.status == 409)
            #expect(funds.code == "account_has_funds")
            try await test.submit(
                .withdraw(user: user, currency: "USD", amount: 500, reference: "w"))
            let opening = OpenAuction(
                auction: "lot", title: "A lot", seller: user, currency: "USD",
                opensAt: nil, closesAt: nil)
            try await test.submit(.openAuction(opening))
            let lots = try await test.call("POST", "/me/close", as: token, body)
            #expect(lots.code == "account_has_funds")
            try await test.submit(.cancelAuction("lot"))
            let wrong = try await test.call(
                "POST", "/me/close", as: token, #"{"password":"not this one"}"#)
            #expect(wrong.code == "credentials_wrong")
            #expect(try await test.call("GET", "/me", as: token).status == 200)

            #expect(try await test.call("POST", "/me/close", as: token, body).status == 204)
            #expect(try await test.call("GET", "/me", as: token).code == "token_invalid")
            let signIn = try await test.call(
                "POST", "/tokens", #"{"username":"\#(name)","password":"\#(Self.password)"}"#)
            #expect(signIn.code == "credentials_wrong")
            let refresh = try #require(pair["refresh_token"] as? String)
            #expect(try await test.refresh(refresh).code == "refresh_token_invalid")
            let profile = try await test.call("GET", "/users/\(user)")
            #expect(profile.status == 200)
            #expect(profile.json["username"] is NSNull)
            let row = try #require(try test.service.accounts.account(of: user))
            #expect(row.status == .closed)
            #expect(row.password == nil && row.families.isEmpty && row.commandID == nil)

            let snapshots = test.folder.appending(path: "snapshots").path
            let files =
                ["accounts/data.mdb", "log/data.mdb"]
                + ((try? FileManager.default.contentsOfDirectory(atPath: snapshots)) ?? [])
                .map { "snapshots/\($0)" }
            for file in files {
                let data = try Data(contentsOf: test.folder.appending(path: file))
                for trace in [name, "Zaphod", "zaphod@", "Unmistakable"] {
                    #expect(data.range(of: Data(trace.utf8)) == nil, "\(trace) in \(file)")
                }
            }
            // The file is as sound as before, and everybody else is still there.
            for other in 0..<40 { _ = try await test.signIn("someone-\(other)") }
            #expect(try await test.signUp(name).status == 201)
        }
    }

    @Test("No password and no token stands in any log line at any level, nor in any problem")
    func secrecy() async throws {
        let lines = CapturedLines()
        var logger = Logger(label: "test") { _ in lines }
        logger.logLevel = .trace
        var configuration = Configuration()
        configuration.logger = logger
        try await TestService.withAccounts(configuration: configuration, logger: logger) { test in
            var secrets = [Self.password, "another password", "not this one"]
            var answers: [TestAnswer] = []
            answers.append(try await test.signUp("ada"))
            answers.append(try await test.signUp("ada"))
            let pair = try await test.signIn("ada")
            let token = try #require(pair["access_token"] as? String)
            let refresh = try #require(pair["refresh_token"] as? String)
            secrets += [token, refresh] + refresh.split(separator: ".").map(String.init)
            secrets += token.split(separator: ".").dropFirst().map(String.init)
            answers.append(try await test.call("GET", "/me", as: token + "x"))
            answers.append(try await test.call("GET", "/me?token=1", as: token))
            answers.append(
                try await test.call(
                    "POST", "/tokens", #"{"username":"ada","password":"not this one"}"#))
            answers.append(
                try await test.call(
                    "POST", "/tokens", #"{"username":"ada","password":"not this one""#))
            answers.append(
                try await test.call(
                    "POST", "/tokens", #"{"username":"ada","password":"not this one" x}"#))
            answers.append(
                try await test.call(
                    "POST", "/tokens", #"{"username":"ada","passwort":"not this one"}"#))
            _ = try await test.refresh(refresh)
            answers.append(try await test.refresh(refresh))
            answers.append(
                try await test.call(
                    "POST", "/me/password", as: token,
                    #"{"current_password":"not this one","new_password":"another password"}"#))
            answers.append(
                try await test.call(
                    "POST", "/me/close", as: token, #"{"password":"\#(Self.password)"}"#))
            for secret in secrets {
                for answer in answers {
                    #expect(!answer.text.contains(secret), "\(answer.text)")
                }
                for line in lines.all { #expect(!line.contains(secret), "\(line)") }
            }
            #expect(!lines.all.isEmpty)
        }
    }
}

/// Every line that is logged.
final class CapturedLines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {
            if let newValue { lines.withLock { $0.append("\(key)=\(newValue)") } }
        }
    }

    func log(event: LogEvent) {
        lines.withLock {
            $0.append("\(event.message) \(event.metadata ?? [:])")
        }
    }
}

extension TestService {
    /// A service whose callers are known by the tokens of their accounts.
    static func withAccounts(
        _ change: (inout ServiceOptions) -> Void = { _ in },
        configuration: Configuration = Configuration(), logger: Logger? = nil,
        _ body: (TestService) async throws -> Void
    ) async throws {
        try await with(
            change, configuration: configuration, logger: logger, authenticator: nil, body)
    }

    @discardableResult
    func signUp(
        _ name: String, _ password: String = UsersTests.password
    ) async throws -> TestAnswer {
        try await call("POST", "/users", #"{"username":"\#(name)","password":"\#(password)"}"#)
    }

    /// Signs in and gives the pair of tokens.
    func signIn(
        _ name: String, _ password: String = UsersTests.password
    ) async throws -> [String: Any] {
        let answer = try await call(
            "POST", "/tokens", #"{"username":"\#(name)","password":"\#(password)"}"#)
        #expect(answer.status == 200, "\(answer.text)")
        return answer.json
    }

    /// An access token of a user.
    func token(_ name: String) async throws -> String {
        try #require(try await signIn(name)["access_token"] as? String)
    }

    func refresh(_ token: String) async throws -> TestAnswer {
        try await call("POST", "/tokens/refresh", #"{"refresh_token":"\#(token)"}"#)
    }
}
