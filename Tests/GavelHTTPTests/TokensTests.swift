// Access tokens, refresh tokens, and the keys behind them.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import GavelTesting
import LMDB
import Platform
import Testing

@testable import GavelHTTP

@Suite("Tokens")
struct TokensTests {
    private func with(_ body: (BareService, Members) async throws -> Void) async throws {
        let service = try BareService()
        defer { service.end() }
        let members = try await service.members()
        _ = try await members.signUps.signUp(service.request("ada"), key: nil)
        try await body(service, members)
    }

    private func signIn(_ members: Members) async throws -> Members.TokenPair {
        try await members.signIn("ada", Password(UsersTests.password))
    }

    private func code(
        _ authenticator: some Authenticator, _ token: String
    ) async -> String {
        do {
            _ = try await authenticator.caller(bearing: Substring(token))
            return "valid"
        } catch {
            return error.kind.code
        }
    }

    /// A part of a token as JSON.
    private func part(_ token: String, _ index: Int) throws -> [String: Any] {
        let bytes = try #require([UInt8](base64URL: token.split(separator: ".")[index]))
        let json = try JSONSerialization.jsonObject(with: Data(bytes))
        return try #require(json as? [String: Any])
    }

    private func encoded(_ json: [String: Any]) throws -> String {
        Array(try JSONSerialization.data(withJSONObject: json)).base64URL
    }

    // MARK: Access tokens

    @Test("A token in another spelling of the same bytes is none")
    func spellings() async throws {
        for algorithm in [TokenAlgorithm.edDSA, .es256, .hs256] {
            let service = try BareService()
            defer { service.end() }
            service.options.tokenAlgorithm = algorithm
            let members = try await service.members()
            _ = try await members.signUps.signUp(service.request("ada"), key: nil)
            let token = try await signIn(members).access
            #expect(await code(members.authenticator, token) == "valid")
            let parts = token.split(separator: ".").map(String.init)
            var spellings = (0..<3).flatMap { index in
                ["=", "==", "\n"].map { end in
                    var other = parts
                    other[index] += end
                    return other
                }
            }
            // 64 bytes of signature, and 32, leave two and four bits of the last character unused.
            let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            let last = try #require(parts[2].last.flatMap { alphabet.firstIndex(of: $0) })
            let next = String(alphabet[alphabet.index(after: last)])
            spellings.append([parts[0], parts[1], parts[2].dropLast() + next])
            for other in spellings {
                let text = other.joined(separator: ".")
                #expect(await code(members.authenticator, text) == "token_invalid", "\(text)")
            }
        }
        for text in ["AA", "AAA", "AAAA", "_-8"] { #expect([UInt8](base64URL: text) != nil) }
        for text in ["A", "AB", "AAB", "AA==", "AAA=", "A A", "AA\n", "+A", "/A"] {
            #expect([UInt8](base64URL: text) == nil, "\(text)")
        }
    }

    @Test("A token says who, for which ledger, for how long and with which key")
    func claims() async throws {
        for (algorithm, count) in [(TokenAlgorithm.edDSA, 1), (.es256, 1), (.hs256, 0)] {
            let service = try BareService()
            defer { service.end() }
            service.options.tokenAlgorithm = algorithm
            let members = try await service.members()
            _ = try await members.signUps.signUp(service.request("ada"), key: nil)
            let pair = try await signIn(members)
            let header = try part(pair.access, 0)
            #expect(header["alg"] as? String == algorithm.rawValue)
            let claims = try part(pair.access, 1)
            #expect(claims["iss"] as? String == "gavel")
            #expect(
                claims["aud"] as? String
                    == "gavel-ledger/\(try #require(service.ledger.ledgerID).hexadecimal)")
            #expect(claims["sub"] as? String == pair.user.string)
            #expect(claims["roles"] as? [String] == ["user"])
            let issued = try #require(claims["iat"] as? Int)
            #expect(claims["exp"] as? Int == issued + 600)
            #expect(!pair.access.contains("ada"))
            let caller = try await members.authenticator.caller(bearing: Substring(pair.access))
            #expect(caller.user == pair.user && caller.roles == [])
            #expect(members.authenticator.known(bearing: Substring(pair.access)) == caller)
            let left = try #require(caller.expires) - .now
            #expect(left > .seconds(300) && left <= .seconds(600))

            var writer = JSONWriter()
            try writer.object { try members.keys.writePublic(to: &$0) }
            let set = try #require(
                JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [String: Any])
            let keys = try #require(set["keys"] as? [[String: Any]])
            #expect(keys.count == count)
            for key in keys {
                #expect(key["kid"] as? String == header["kid"] as? String)
                #expect(key["alg"] as? String == algorithm.rawValue)
                #expect(key["d"] == nil && key["k"] == nil)
                let x = try #require(key["x"] as? String)
                #expect([UInt8](base64URL: x)?.count == 32)
            }
        }
    }

    @Test("Forged tokens are refused: alg none, another algorithm, unknown or other keys, changes")
    func forged() async throws {
        try await with { service, members in
            let token = try await signIn(members).access
            #expect(await code(members.authenticator, token) == "valid")
            let parts = token.split(separator: ".").map(String.init)
            var header = try part(token, 0)
            var forged: [String] = ["", ".", "..", "x", parts[0], token + ".x", token + "A"]
            forged.append("\(parts[0]).\(parts[1]).")
            header["alg"] = "none"
            forged.append("\(try encoded(header)).\(parts[1]).")
            forged.append("\(try encoded(header)).\(parts[1]).\(parts[2])")
            for other in ["HS256", "ES256", "None", "EDDSA", ""] {
                header["alg"] = other
                forged.append("\(try encoded(header)).\(parts[1]).\(parts[2])")
            }
            header = try part(token, 0)
            header["kid"] = "unknown"
            forged.append("\(try encoded(header)).\(parts[1]).\(parts[2])")
            header["kid"] = nil
            forged.append("\(try encoded(header)).\(parts[1]).\(parts[2])")
            header = try part(token, 0)
            header["crit"] = ["exp"]
            forged.append("\(try encoded(header)).\(parts[1]).\(parts[2])")
            var claims = try part(token, 1)
            claims["roles"] = ["user", "operator"]
            forged.append("\(parts[0]).\(try encoded(claims)).\(parts[2])")
            for token in forged {
                #expect(await code(members.authenticator, token) == "token_invalid", "\(token)")
            }

            // Another ledger's service: its key, then its key under our kid, then our key for it.
            let stranger = try BareService()
            defer { stranger.end() }
            let others = try await stranger.members()
            let account = try #require(try service.account("ada"))
            let otherKey = try await others.tokens.sign(account)
            #expect(await code(members.authenticator, otherKey) == "token_invalid")
            var row = TokenKeyRow(.edDSA, at: 0)
            row.kid = try await members.keys.signing().row.kid
            row.created = stranger.clock.now().nanoseconds / 1_000_000_000
            let planted = row
            let table = stranger.accounts.tokenKeys
            try await stranger.store.write { transaction in
                try transaction.removeAll(of: table)
                try transaction.put(planted, in: table, at: planted.kid)
            }
            let impostor = try await stranger.members()
            let sameKid = try await impostor.tokens.sign(account)
            #expect(try part(sameKid, 0)["kid"] as? String == row.kid)
            #expect(await code(members.authenticator, sameKid) == "token_invalid")
            let elsewhere = AccessTokens(
                keys: members.keys, audience: "gavel-ledger/other", clock: service.clock)
            let otherAudience = try await elsewhere.sign(account)
            #expect(await code(members.authenticator, otherAudience) == "token_invalid")
        }
    }

    @Test("A token is valid from when it was made until it expires, remembered or not")
    func times() async throws {
        try await with { service, members in
            let cold = AccountAuthenticator(
                tokens: members.tokens, accounts: service.accounts, gate: members.gate,
                rememberedMax: 0)
            let token = try await signIn(members).access
            #expect(await code(members.authenticator, token) == "valid")
            service.clock.advance(seconds: 599)
            #expect(await code(members.authenticator, token) == "valid")
            #expect(await code(cold, token) == "valid")
            service.clock.advance(seconds: 1)
            #expect(await code(members.authenticator, token) == "token_expired")
            #expect(await code(cold, token) == "token_expired")
            let later = try await signIn(members).access
            service.clock.jump(seconds: -120)
            #expect(await code(members.authenticator, later) == "token_invalid")
        }
    }

    @Test("Verified tokens are remembered, never more than so many, and forgotten with a change")
    func remembering() async throws {
        try await with { service, members in
            let authenticator = members.authenticator
            let pair = try await signIn(members)
            #expect(authenticator.rememberedCount == 0)
            #expect(authenticator.known(bearing: Substring(pair.access)) == nil)
            for _ in 0..<3 { #expect(await code(authenticator, pair.access) == "valid") }
            #expect(authenticator.rememberedCount == 1)

            try await members.setRoles(of: pair.user, to: [.auditor, .payment])
            #expect(authenticator.known(bearing: Substring(pair.access)) == nil)
            let caller = try await authenticator.caller(bearing: Substring(pair.access))
            #expect(caller.roles == [.auditor, .payment])
            try await members.setPassword(
                of: members.account(of: pair.user), to: Password("another password"))
            #expect(await code(authenticator, pair.access) == "token_invalid")
            #expect(authenticator.known(bearing: Substring(pair.access)) == nil)

            let next = try await members.signIn("ada", Password("another password"))
            #expect(await code(authenticator, next.access) == "valid")
            try await members.close(members.account(of: pair.user))
            #expect(await code(authenticator, next.access) == "token_invalid")

            _ = try await members.signUps.signUp(service.request("bob"), key: nil)
            let bob = try #require(try service.account("bob"))
            let small = AccountAuthenticator(
                tokens: members.tokens, accounts: service.accounts, gate: members.gate,
                rememberedMax: 4)
            for _ in 0..<12 {
                // Each second makes another token.
                service.clock.advance(seconds: 1)
                let token = try await members.tokens.sign(bob)
                #expect(await code(small, token) == "valid")
                #expect(small.rememberedCount <= 4)
            }
            let cold = AccountAuthenticator(
                tokens: members.tokens, accounts: service.accounts, gate: members.gate,
                rememberedMax: 0)
            #expect(await code(cold, try await members.tokens.sign(bob)) == "valid")
            #expect(cold.rememberedCount == 0)
        }
    }

    // MARK: Keys

    @Test("A new key signs; the former verifies until its last token has expired, and then no more")
    func rotation() async throws {
        try await with { service, members in
            let former = try await members.keys.signing().row.kid
            service.clock.advance(seconds: 29 * 86_400)
            #expect(try await members.keys.signing().row.kid == former)
            let token = try await signIn(members).access
            service.clock.advance(seconds: 1)
            try await members.keys.rotate(always: true)
            let present = try await members.keys.signing().row.kid
            #expect(present != former)
            #expect(await code(members.authenticator, token) == "valid")
            #expect(members.keys.verifying(former) != nil)
            service.clock.advance(seconds: 598)
            #expect(await code(members.authenticator, token) == "valid")
            service.clock.advance(seconds: 2)
            #expect(members.keys.verifying(former) == nil)
            // A token of the former key with more time than it ever gave: its key is out.
            let row = try service.store.read {
                try $0.row(TokenKeyRow.self, in: service.accounts.tokenKeys, at: former)
            }
            #expect(row?.retired != nil)
            #expect(await code(members.authenticator, token) == "token_expired")
            let cold = AccountAuthenticator(
                tokens: members.tokens, accounts: service.accounts, gate: members.gate,
                rememberedMax: 0)
            #expect(await code(cold, token) == "token_invalid")

            // The next rotation comes by itself, and removes what is out.
            service.clock.advance(seconds: 31 * 86_400)
            let third = try await members.keys.signing().row.kid
            #expect(third != present)
            let left = try service.store.read {
                try $0.row(TokenKeyRow.self, in: service.accounts.tokenKeys, at: former)
            }
            #expect(left == nil)
            let again = try await service.members()
            #expect(try await again.keys.signing().row.kid == third)
        }
    }

    @Test("After a theft the former key ends at once; another algorithm brings another key")
    func theft() async throws {
        try await with { service, members in
            let token = try await signIn(members).access
            #expect(await code(members.authenticator, token) == "valid")
            try await members.rotateKeys(dropsFormer: true)
            #expect(await code(members.authenticator, token) == "token_invalid")
            let next = try await signIn(members).access
            service.options.tokenAlgorithm = .es256
            let changed = try await service.members()
            #expect(try await changed.keys.signing().row.algorithm == .es256)
            #expect(await code(changed.authenticator, next) == "valid")
            #expect(await code(changed.authenticator, try await signIn(changed).access) == "valid")
        }
    }

    // MARK: Refresh tokens

    @Test("A refresh token gives the next pair once; used again it ends its family, and only that")
    func reuse() async throws {
        try await with { service, members in
            let first = try await signIn(members)
            let other = try await signIn(members)
            let second = try await members.refresh(first.refresh)
            #expect(second.user == first.user)
            #expect(second.refresh != first.refresh)
            #expect(
                second.refresh.split(separator: ".")[0] == first.refresh.split(separator: ".")[0])
            let third = try await members.refresh(second.refresh)
            for token in [first.refresh, third.refresh] {
                await #expect(throws: Problem.self) { try await members.refresh(token) }
            }
            let next = try await members.refresh(other.refresh)
            try await service.accounts.signOut(next.refresh)
            await #expect(throws: Problem.self) { try await members.refresh(next.refresh) }
            #expect(try service.account("ada")?.families == [])
            for text in ["", ".", "a.b", "no token", String(repeating: "a", count: 26) + ".AA"] {
                await #expect(throws: Problem.self) { try await members.refresh(text) }
                try await service.accounts.signOut(text)
            }
        }
    }

    @Test("A session ends 30 days after its last use and 90 days after its first")
    func sessionTimes() async throws {
        try await with { service, members in
            let idle = try await signIn(members)
            var pair = try await signIn(members)
            service.clock.advance(seconds: 29 * 86_400)
            pair = try await members.refresh(pair.refresh)
            #expect(pair.refreshSeconds == 30 * 86_400)
            service.clock.advance(seconds: 1 * 86_400)
            await #expect(throws: Problem.self) { try await members.refresh(idle.refresh) }
            service.clock.advance(seconds: 28 * 86_400)
            pair = try await members.refresh(pair.refresh)
            service.clock.advance(seconds: 29 * 86_400)
            pair = try await members.refresh(pair.refresh)
            #expect(pair.refreshSeconds == 3 * 86_400)
            service.clock.advance(seconds: 3 * 86_400)
            await #expect(throws: Problem.self) { try await members.refresh(pair.refresh) }
        }
    }

    @Test("An account has so many sessions at most, and expired ones go a few at a time")
    func sessionBounds() async throws {
        try await with { service, members in
            let first = try await signIn(members)
            for _ in 0..<AccountStore.familiesMax { _ = try await signIn(members) }
            #expect(try service.account("ada")?.families.count == AccountStore.familiesMax)
            await #expect(throws: Problem.self) { try await members.refresh(first.refresh) }
            service.clock.advance(seconds: 31 * 86_400)
            // Two rounds over all of them.
            for _ in 0..<4 { _ = try await signIn(members) }
            let count = try service.store.read { try $0.count(of: service.accounts.sessions) }
            #expect(count == 4)
            #expect(try service.account("ada")?.families.count == 4)
        }
    }

    @Test("Over HTTP: refresh, reuse, sign out, and the set of keys")
    func overHTTP() async throws {
        try await TestService.withAccounts { test in
            try await test.signUp("ada")
            let pair = try await test.signIn("ada")
            let refresh = try #require(pair["refresh_token"] as? String)
            // A token that has expired does not keep anybody from getting another.
            let next = try await test.call(
                "POST", "/tokens/refresh", as: "expired", #"{"refresh_token":"\#(refresh)"}"#)
            #expect(next.status == 200)
            let again = try await test.refresh(refresh)
            #expect(again.status == 401)
            #expect(again.code == "refresh_token_invalid")
            let newest = try #require(next.json["refresh_token"] as? String)
            #expect(try await test.refresh(newest).code == "refresh_token_invalid")
            for token in [newest, "none"] {
                let out = try await test.call(
                    "POST", "/tokens/revoke", #"{"refresh_token":"\#(token)"}"#)
                #expect(out.status == 204)
            }
            let keys = try await test.call("GET", "/.well-known/jwks.json")
            #expect(keys.status == 200)
            #expect((keys.json["keys"] as? [Any])?.count == 1)
            #expect(try await test.call("GET", "/me", as: "nonsense").code == "token_invalid")
            let basic = try await test.call("GET", "/me", headers: [("authorization", "Basic x")])
            #expect(basic.code == "token_invalid")
        }
    }
}
