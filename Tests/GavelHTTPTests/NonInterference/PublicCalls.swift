// What can be asked by anyone, and by somebody signed in who has no role: for every operation of
// the contract the calls with which the test looks.

import AuctionDomain
import Gavel
import GavelJSON
import HTTPTypes

@testable import GavelHTTP

/// What anyone knows, and asks with.
struct PublicFacts {
    var auctions: [AuctionID]
    /// How many entries there are.
    var size: UInt64
    /// Times of the past.
    var times: [Timestamp]
    var stranger: UserID
}

/// One call.
struct PublicCall {
    var method = HTTPRequest.Method.get
    var path: String
    var headers = HTTPFields()
    /// A body that is refused as malformed: what the test looks at must not change anything.
    var body: String?
    /// Whether the pages that follow are asked for too.
    var walksPages = false

    /// Reads.
    static func get(_ path: String) -> PublicCall { PublicCall(path: path) }

    /// Goes on with a stream.
    static func get(_ path: String, after position: UInt64) -> PublicCall {
        var call = PublicCall(path: path)
        call.headers[.lastEventID] = "\(position)"
        return call
    }

    /// Writes, in vain.
    static func write(_ path: String, _ method: HTTPRequest.Method = .post) -> PublicCall {
        PublicCall(method: method, path: path, body: #"{"nonsense":1}"#)
    }
}

enum PublicCalls {
    typealias Calls = @Sendable (PublicFacts) -> [PublicCall]

    /// A command id that nobody has used.
    static let key = "018bcfe5-6800-7000-8000-000000000000"

    /// The calls of each operation, by its id. An operation without a line fails the test.
    static let table: [String: Calls] = {
        var table: [String: Calls] = auctions
        for part in [streams, log, accounts, money, writes] {
            table.merge(part) { _, _ in preconditionFailure("an operation has two lines") }
        }
        return table
    }()

    /// The contract's operations, and whether anyone may call them.
    static let operations = AuctionService.routes.map { route in
        var isForAnyone = false
        if case .anyone = route.operation.access { isForAnyone = true }
        return (id: route.operation.id, isForAnyone: isForAnyone)
    }

    private static func each(
        _ facts: PublicFacts, _ calls: (AuctionID) -> [PublicCall]
    ) -> [PublicCall] {
        (facts.auctions + ["lot-nowhere"]).flatMap(calls)
    }

    /// A list as a whole, and in small pages by its cursors.
    private static func list(_ path: String) -> [PublicCall] {
        let mark = path.contains("?") ? "&" : "?"
        let whole = PublicCall(path: "\(path)\(mark)limit=200")
        return [whole, PublicCall(path: "\(path)\(mark)limit=2", walksPages: true)]
    }

    private static let auctions: [String: Calls] = [
        "listAuctions": { facts in
            [
                "", "?order=newest", "?order=ending_soon", "?status=open", "?status=closed",
                "?seller=user-0", "?seller=me", "?bidder=me", "?bidder=user-0", "?outcome=sold",
                "?buy_now=true", "?reserve_met=true", "?reserve_met=false", "?title=hidden",
                "?category=none", "?seller=nobody",
            ].flatMap { list("/auctions\($0)") } + [.get("/auctions?nonsense=1")]
        },
        "getAuction": { facts in each(facts) { [.get("/auctions/\($0)")] } },
        "listBids": { facts in
            each(facts) {
                list("/auctions/\($0)/bids") + list("/auctions/\($0)/bids?direction=oldest_first")
            }
        },
        "getAuctionHistory": { facts in each(facts) { list("/auctions/\($0)/history") } },
        "listMyBids": { _ in list("/me/bids") },
        "listMyWins": { _ in list("/me/wins") },
        "listMySales": { _ in list("/me/sales") },
    ]

    private static let streams: [String: Calls] = [
        "followAuction": { facts in
            each(facts) { id in
                [.get("/auctions/\(id)/live")]
                    + [facts.size, facts.size / 2].map { .get("/auctions/\(id)/live", after: $0) }
            }
        },
        "followWallet": { facts in
            [.get("/wallet/live"), .get("/wallet/live", after: facts.size / 2)]
        },
        "followAll": { facts in
            [.get("/live")]
                + [1, facts.size / 2, facts.size, facts.size + 9].map { .get("/live", after: $0) }
        },
    ]

    private static let log: [String: Calls] = {
        var log: [String: Calls] = [
            "listPublicEntries": { facts in
                [
                    .get("/log/events?limit=1000"),
                    .get("/log/events?from=\(facts.size / 2)&limit=3"),
                ]
            },
            "listEntries": { _ in [.get("/log/entries")] },
            "getEntry": { facts in
                (0..<facts.size).map { .get("/log/entries/\($0)") }
                    + [.get("/log/entries/\(facts.size)")]
            },
            "getEntryProof": { facts in
                (0..<facts.size).map { .get("/log/entries/\($0)/proof") }
            },
            "getCommand": { _ in [.get("/log/commands/\(key)"), .get("/log/commands/none")] },
            "getCommandProof": { _ in [.get("/log/commands/\(key)/proof")] },
            "getCheckpoint": { _ in [.get("/log/checkpoint")] },
            "listCheckpoints": { _ in [.get("/log/checkpoints"), .get("/log/checkpoints?from=3")] },
            "getVerifierKey": { _ in [.get("/log/key")] },
            "getInclusionProof": { _ in [.get("/log/proof/inclusion?position=1")] },
            "getConsistencyProof": { _ in [.get("/log/proof/consistency?from=1")] },
        ]
        for count in 1...5 {
            let end = Array(repeating: "x000", count: count - 1).joined(separator: "/")
            let path = (end.isEmpty ? "" : end + "/") + "000"
            log["getTile\(count)"] = { facts in
                [.get("/log/tile/0/\(path)"), .get("/log/tile/0/\(path).p/\(facts.size)")]
            }
            log["getBundle\(count)"] = { _ in [.get("/log/tile/entries/\(path)")] }
        }
        return log
    }()

    private static let accounts: [String: Calls] = [
        "getProfile": { facts in
            ["user-0", "user-1", facts.stranger, "nobody"].map { .get("/users/\($0)") }
        },
        "getOwnProfile": { _ in [.get("/me")] },
        "listKeys": { _ in [.get("/.well-known/jwks.json")] },
        "hello": { _ in [.get("/"), .get("/nothing/here"), .get("/auctions//bid")] },
        "getDocument": { _ in [] },
        "listProblems": { _ in [.get("/problems")] },
        "getProblem": { _ in [.get("/problems/bid_below_minimum"), .get("/problems/none")] },
    ]

    private static let money: [String: Calls] = [
        "getWallet": { _ in [.get("/wallet")] },
        "getWalletOf": { facts in
            ["user-0", facts.stranger, "nobody"].map { .get("/wallets/\($0)") }
        },
        "getWalletHistory": { _ in
            list("/wallet/history") + list("/wallet/history?direction=oldest_first")
        },
        "getWalletHistoryOf": { _ in [.get("/wallets/user-0/history")] },
        "getStatement": { facts in
            [.get("/wallet/statement"), .get("/wallet/statement?at=\(facts.size / 2)")]
                + facts.times.map { .get("/wallet/statement?at=\($0.rfc3339)") }
        },
        "getStatementOf": { _ in [.get("/wallets/user-0/statement")] },
        "listCurrencies": { _ in [.get("/currencies")] },
    ]

    private static let writes: [String: Calls] = [
        "signUp": { _ in [.write("/users")] },
        "signIn": { _ in [.write("/tokens")] },
        "refreshTokens": { _ in [.write("/tokens/refresh")] },
        "signOut": { _ in [.write("/tokens/revoke")] },
        "changeOwnProfile": { _ in [.write("/me", .patch)] },
        "changePassword": { _ in [.write("/me/password")] },
        "closeAccount": { _ in [.write("/me/close")] },
        "chargeOwnWallet": { _ in [.write("/wallet/charge")] },
        "chargeWallet": { _ in [.write("/wallets/user-0/charge")] },
        "withdrawFromOwnWallet": { _ in [.write("/wallet/withdraw")] },
        "withdrawFromWallet": { _ in [.write("/wallets/user-0/withdraw")] },
        "registerCurrency": { _ in [.write("/currencies")] },
        "openAuction": { _ in [.write("/auctions")] },
        "describeAuction": { facts in each(facts) { [.write("/auctions/\($0)", .patch)] } },
        "placeBid": { _ in [.write("/auctions/lot-1/bid")] },
        "buyNow": { _ in [.write("/auctions/lot-1/buy")] },
        "closeAuction": { _ in [.write("/auctions/lot-1/close")] },
        "cancelAuction": { _ in [.write("/auctions/lot-1/cancel")] },
        "extendAuction": { _ in [.write("/auctions/lot-1/extend")] },
        "confirmClosings": { _ in [.write("/closings/confirm")] },
        "holdClosings": { _ in [.write("/closings/hold")] },
    ]
}
