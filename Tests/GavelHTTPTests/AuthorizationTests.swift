// Who may do what: every route of the contract with seven kinds of callers, and what each is told.
//
// A route without a row fails the test. A row asks in a way that changes as little as it can and
// still comes to the point where the route says yes or no: a bid that is too low, a wrong password.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import HTTPTypes
import Testing

@testable import GavelHTTP

/// The kinds of callers.
private enum Kind: String, CaseIterable {
    case nobody
    /// With the token of an account that was closed.
    case closed
    /// Has money and leads `lot`.
    case bidder
    /// Has opened all lots.
    case seller
    case auditor, payment
    case `operator`

    /// As the account signs in: what the log calls the house is no name for anybody.
    var name: String { "the-\(rawValue)" }
}

/// What is asked of one route, and what each kind of caller is told: a problem's code, `ok`, or
/// `let in` for whatever is no refusal of the caller.
private struct Row {
    let id: String
    let path: String
    var body: String?
    var expected: [Kind: String]

    private init(_ id: String, _ path: String, _ body: String?, _ expected: [Kind: String]) {
        (self.id, self.path, self.body, self.expected) = (id, path, body, expected)
    }

    private static func all(_ code: String, but some: [Kind: String] = [:]) -> [Kind: String] {
        Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0, some[$0] ?? code) })
    }

    /// A token is not looked at.
    static func ignoring(
        _ id: String, _ path: String, _ body: String? = nil, _ code: String = "ok"
    ) -> Row { Row(id, path, body, all(code)) }

    /// Anyone may, but a token that comes along must be good.
    static func anyone(
        _ id: String, _ path: String, _ code: String = "ok", but some: [Kind: String] = [:]
    ) -> Row {
        Row(id, path, nil, all(code, but: some.merging([.closed: "token_invalid"]) { $1 }))
    }

    /// Whoever is signed in.
    static func signedIn(
        _ id: String, _ path: String, _ body: String? = nil, _ code: String = "ok",
        but some: [Kind: String] = [:]
    ) -> Row {
        let out: [Kind: String] = [.nobody: "token_missing", .closed: "token_invalid"]
        return Row(id, path, body, all(code, but: some.merging(out) { $1 }))
    }

    /// Some roles only.
    static func roles(
        _ id: String, _ path: String, _ body: String? = nil, _ allowed: [Kind: String]
    ) -> Row { signedIn(id, path, body, "role_required", but: allowed) }

    /// The bidder, auditors and operators.
    static func bidders(
        _ id: String, _ path: String, _ code: String = "ok"
    ) -> Row { signedIn(id, path, nil, code, but: [.seller: "not_yours", .payment: "not_yours"]) }

    /// The seller and operators, of a lot that no other call has touched.
    static func sellers(
        _ id: String, _ path: String, _ body: String? = nil, else code: String
    ) -> Row { signedIn(id, path, body, code, but: [.seller: "ok", .operator: "ok"]) }
}

private let rows: [Row] =
    [
        .ignoring(
            "signUp", "/users", #"{"username":"the-bidder","password":"some long password"}"#,
            "username_taken"),
        .anyone("getProfile", "/users/{bidder}"),
        .ignoring(
            "signIn", "/tokens", #"{"username":"the-bidder","password":"not this one"}"#,
            "credentials_wrong"),
        .ignoring(
            "refreshTokens", "/tokens/refresh", #"{"refresh_token":"none"}"#,
            "refresh_token_invalid"),
        .ignoring("signOut", "/tokens/revoke", #"{"refresh_token":"none"}"#),
        .ignoring("listKeys", "/.well-known/jwks.json"),
        .signedIn("getOwnProfile", "/me"),
        .signedIn("changeOwnProfile", "/me", "{}"),
        .signedIn(
            "changePassword", "/me/password",
            #"{"current_password":"not this one","new_password":"some long password"}"#,
            "credentials_wrong"),
        .signedIn(
            "closeAccount", "/me/close", #"{"password":"not this one"}"#, "credentials_wrong"),

        .signedIn("getWallet", "/wallet"),
        .bidders("getWalletOf", "/wallets/{bidder}"),
        .signedIn("chargeOwnWallet", "/wallet/charge", payment, "self_charge_off"),
        .roles(
            "chargeWallet", "/wallets/{bidder}/charge", payment,
            [.payment: "ok", .operator: "ok"]),
        .signedIn(
            "withdrawFromOwnWallet", "/wallet/withdraw", payment, "exceeds_available",
            but: [.bidder: "ok"]),
        .roles(
            "withdrawFromWallet", "/wallets/{bidder}/withdraw", payment,
            [.payment: "ok", .operator: "ok"]),
        .signedIn("getWalletHistory", "/wallet/history"),
        .bidders("getWalletHistoryOf", "/wallets/{bidder}/history"),
        .signedIn("getStatement", "/wallet/statement?at=8"),
        .bidders("getStatementOf", "/wallets/{bidder}/statement?at=8"),
        .anyone("listCurrencies", "/currencies"),
        .roles(
            "registerCurrency", "/currencies", #"{"currency":"USD","scale":2}"#,
            [.operator: "currency_already_registered"]),

        .signedIn("openAuction", "/auctions", #"{"currency":"USD"}"#),
        .signedIn(
            "openAuction", "/auctions", #"{"currency":"USD","seller":"{bidder}"}"#, "not_yours",
            but: [.bidder: "ok", .operator: "ok"]),
        .anyone("listAuctions", "/auctions"),
        .signedIn(
            "listAuctions", "/auctions?bidder={bidder}", nil, "ok",
            but: [.seller: "not_yours", .payment: "not_yours"]),
        .sellers(
            "describeAuction", "/auctions/{fresh}", #"{"category":"clocks"}"#, else: "not_yours"),
        .anyone("getAuction", "/auctions/lot"),
        .signedIn("listMyBids", "/me/bids"),
        .signedIn("listMyWins", "/me/wins"),
        .signedIn("listMySales", "/me/sales"),
        .anyone("listBids", "/auctions/lot/bids"),
        .anyone("getAuctionHistory", "/auctions/lot/history"),
        .signedIn(
            "placeBid", "/auctions/lot/bid", #"{"amount":1}"#, "bid_below_minimum",
            but: [.seller: "seller_cannot_bid"]),
        .signedIn(
            "buyNow", "/auctions/lot/buy", "{}", "buy_now_not_offered",
            but: [.seller: "seller_cannot_bid"]),
        .sellers(
            "closeAuction", "/auctions/{fresh}/close", #"{"hammer":true}"#, else: "not_permitted"),
        .sellers("cancelAuction", "/auctions/{fresh}/cancel", "{}", else: "not_permitted"),
        .roles(
            "extendAuction", "/auctions/{fresh}/extend", #"{"closes_at":"2199-01-01T00:00:00Z"}"#,
            [.operator: "ok"]),
        .roles("holdClosings", "/closings/hold", nil, [.operator: "ok"]),
        .roles("confirmClosings", "/closings/confirm", nil, [.operator: "ok"]),

        .anyone("followAuction", "/auctions/lot/live"),
        .signedIn("followWallet", "/wallet/live"),
        .anyone("followAll", "/live"),

        .anyone("getCheckpoint", "/log/checkpoint", "let in"),
        .anyone("listCheckpoints", "/log/checkpoints"),
        .anyone("getVerifierKey", "/log/key", "let in"),
        .anyone("listPublicEntries", "/log/events"),
        .roles("listEntries", "/log/entries", nil, [.auditor: "ok"]),
        .bidders("getEntry", "/log/entries/{bid}"),
        .bidders("getEntryProof", "/log/entries/{bid}/proof", "let in"),
        .bidders("getCommand", "/log/commands/{command}"),
        .bidders("getCommandProof", "/log/commands/{command}/proof", "let in"),
        .anyone("getInclusionProof", "/log/proof/inclusion?position=1", "let in"),
        .anyone("getConsistencyProof", "/log/proof/consistency?from=1", "let in"),
        .anyone("hello", "/"),
        .anyone("getDocument", "/openapi.json"),
        .anyone("listProblems", "/problems"),
        .anyone("getProblem", "/problems/malformed"),
    ]
    + (1...5).map { count in
        let path = String(repeating: "/x000", count: count - 1) + "/000"
        return .anyone("getTile\(count)", "/log/tile/0\(path)", "let in")
    }
    + (1...5).map { count in
        let path = String(repeating: "/x000", count: count - 1) + "/000"
        return .roles("getBundle\(count)", "/log/tile/entries\(path)", nil, [.auditor: "let in"])
    }

private let payment = #"{"currency":"USD","amount":1,"reference":"{new}"}"#

@Suite("Who may do what", .timeLimit(.minutes(30)))
struct AuthorizationTests {
    @Test("Every route of the contract has a row, and every row a route")
    func complete() {
        let routes = Set(AuctionService.routes.map(\.operation.id))
        let missing = routes.subtracting(rows.map(\.id)).sorted()
        #expect(missing.isEmpty, "add rows that say who may call them")
        #expect(Set(rows.map(\.id)).subtracting(routes).isEmpty)
    }

    @Test("Every route tells each of seven kinds of callers what its row says")
    func matrix() async throws {
        try await TestService.withAccounts { test in
            let callers = try await Callers(test)
            for row in rows {
                let operation = try #require(
                    AuctionService.routes.first { $0.operation.id == row.id }?.operation)
                for kind in Kind.allCases {
                    let told = try await callers.ask(row, operation, as: kind)
                    let expected = row.expected[kind] ?? ""
                    let isRight =
                        expected == "let in" ? !refusals.contains(told) : told == expected
                    #expect(isRight, "\(row.id) as \(kind): \(told), expected \(expected)")
                }
            }
        }
    }

    /// The codes that are about who is calling.
    private let refusals: Set<String> = [
        "token_missing", "token_invalid", "token_expired", "role_required", "not_yours",
        "not_permitted", "seller_cannot_bid",
    ]
}

/// People of all kinds, a lot with a bid, and as many fresh ones as are asked for.
private final class Callers {
    private let test: TestService
    private var tokens: [Kind: String] = [:]
    private var users: [Kind: String] = [:]
    private var bid: UInt64 = 0
    private let command = CommandID.generate()
    private var count = 0

    init(_ test: TestService) async throws {
        self.test = test
        try await test.submit(.registerCurrency(Currency(code: "USD", scale: 2)))
        for kind in Kind.allCases where kind != .nobody {
            let answer = try await test.signUp(kind.name)
            let user = try #require(answer.json["user"] as? String)
            users[kind] = user
            if let role = Roles.named.first(where: { $0.name == kind.rawValue })?.role {
                try await test.service.members.setRoles(of: UserID(user), to: role)
            }
            tokens[kind] = try await test.token(kind.name)
        }
        let closed = try await test.call(
            "POST", "/me/close", as: tokens[.closed], #"{"password":"\#(UsersTests.password)"}"#)
        #expect(closed.status == 204)
        let bidder = try UserID(try #require(users[.bidder]))
        try await test.submit(
            .charge(user: bidder, currency: "USD", amount: 100_000, reference: "first"))
        try await open("lot")
        let receipt = try await test.ledger.submit(
            .placeBid(auction: "lot", bidder: bidder, amount: 500), id: command,
            by: .user(bidder))
        bid = try #require(receipt.position)
    }

    private func open(_ name: AuctionID) async throws {
        try await test.submit(
            .openAuction(
                OpenAuction(
                    auction: name, seller: try UserID(users[.seller] ?? ""), currency: "USD",
                    closesAt: Timestamp(rfc3339: "2100-01-01T00:00:00Z"))))
    }

    /// What a caller is told.
    func ask(_ row: Row, _ operation: GavelHTTP.Operation, as kind: Kind) async throws -> String {
        count += 1
        if row.path.contains("{fresh}") { try await open(AuctionID("fresh-\(count)")) }
        func filled(_ text: String) -> String {
            text.replacing("{bidder}", with: users[.bidder] ?? "")
                .replacing("{fresh}", with: "fresh-\(count)").replacing("{new}", with: "r\(count)")
                .replacing("{bid}", with: "\(bid)")
                .replacing("{command}", with: command.description)
        }
        var headers: [(String, String)] = []
        if let token = tokens[kind] { headers.append(("authorization", "Bearer \(token)")) }
        if operation.isWrite {
            headers.append(("idempotency-key", CommandID.generate().description))
        }
        let connection = try test.connect()
        if operation.tag == .live {
            // Its body has no end; a problem's has.
            let head = try await connection.follow(filled(row.path), as: tokens[kind])
            if head.status == 200 { return "ok" }
            let length = Int(head.headers["content-length"] ?? "") ?? 0
            return try await connection.rest(of: head, length).code ?? "\(head.status)"
        }
        let answer = try await connection.call(
            operation.method.rawValue, filled(row.path), headers: headers,
            body: row.body.map(filled))
        return (200...299).contains(answer.status) ? "ok" : answer.code ?? "\(answer.status)"
    }
}
