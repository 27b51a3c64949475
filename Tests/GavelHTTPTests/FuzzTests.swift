// Requests that nobody in his right mind would send, at every route: forged cursors, ids,
// positions, numbers, keys, tokens and bodies.
//
// 2,500 requests by default; GAVEL_CAMPAIGN=40 sends 100,000, GAVEL_SEED=n takes another seed.
// A failure names the seed, the number of the request and the request itself.

import AuctionDomain
import Foundation
import Gavel
import GavelJSON
import GavelTesting
import HTTPTypes
import Testing

@testable import GavelHTTP

/// Makes requests out of real ones.
private struct RequestMutator {
    /// What a request is made of.
    struct Made {
        var operation: GavelHTTP.Operation
        var path: String
        var headers: [(String, String)]
        var body: [UInt8]?

        var line: String {
            "\(operation.method) \(path) \(headers) "
                + String(decoding: (body ?? []).prefix(300), as: UTF8.self)
        }
    }

    var generator: SeededGenerator
    /// Cursors of every list, by several callers, of this ledger and of another.
    let cursors: [String]
    let names: [String]
    let keys: [String]
    let positionMax: Int

    static let callers = ["alice", "bob", "carol", "operator", "auditor", "payment", "nobody"]
    private static let numbers = [
        "0", "1", "2", "7", "-1", "+1", "00", "1.0", "1e3", "0x10", " 1", "", "255", "256", "65535",
        "2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "18446744073709551616", "99999999999999999999999", "٣", "½",
    ]
    private static let texts = [
        "", "a", "me", "house", ".", "..", "%", "%zz", "%00", "%FF", "%F0%9F%92%A9", "null", "~",
        "+",
        "story/lot-2~7~1~4294967295~0~0", "history/auction/lot-2/newest_first~14", "wallets~3",
        "auctions/opening//////~1", "x001", "000.p", "A\u{301}", "ＡＢ", "\u{202E}abc", "'\"<>`",
    ]
    private static let times = [
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2261-12-31T23:59:59.999999999Z", "2262-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "now",
        "2026-01-01T00:00:00+14:00",
    ]

    mutating func text() -> String {
        switch generator.below(8) {
        case 0: return generator.pick(Self.numbers)
        case 1: return generator.pick(Self.times)
        case 2: return generator.pick(keys)
        case 3: return generator.pick(names)
        case 4: return String(generator.below(2 * positionMax))
        case 5:
            return String(
                repeating: generator.pick(["a", "Z", "-", "9"]), count: generator.below(90))
        case 6: return cursor()
        default: return generator.pick(Self.texts)
        }
    }

    mutating func cursor() -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var characters = Array(generator.pick(cursors))
        guard !characters.isEmpty else { return "" }
        switch generator.below(8) {
        case 0, 1: break
        case 2: characters[generator.below(characters.count)] = generator.pick(alphabet)
        case 3: characters.removeLast(generator.below(characters.count))
        case 4: characters += generator.pick(cursors).suffix(generator.below(20))
        case 5:
            // The tag of one and the numbers of another.
            characters = Array(characters.prefix(22) + Array(generator.pick(cursors)).dropFirst(22))
        case 6: characters = (0..<generator.below(90)).map { _ in generator.pick(alphabet) }
        default: characters.swapAt(0, generator.below(characters.count))
        }
        return String(characters)
    }

    mutating func request() -> Made {
        // Bids more often than the others: most of what a ledger may answer, it answers to them.
        let routes =
            generator.chance(perMille: 80)
            ? AuctionService.routes.filter { $0.operation.id == "placeBid" } : AuctionService.routes
        let operation = generator.pick(routes).operation
        var path = ""
        for part in operation.path.split(separator: "/") {
            path += "/"
            let isParameter = part.hasPrefix("{")
            let isLot = part == "{auction}" || part == "{user}"
            if isLot, generator.chance(perMille: 800) {
                path += generator.pick(names)
            } else if isParameter {
                path += encoded(text())
            } else {
                path += generator.chance(perMille: 5) ? encoded(text()) : String(part)
            }
        }
        var query: [String] = []
        for parameter in operation.parameters where generator.chance(perMille: 600) {
            query.append("\(parameter.name)=\(encoded(value(of: parameter)))")
        }
        if generator.chance(perMille: 30) { query.append("\(encoded(text()))=\(encoded(text()))") }
        if generator.chance(perMille: 20), let first = query.first { query.append(first) }
        if !query.isEmpty { path += "?" + query.joined(separator: "&") }
        return Made(
            operation: operation, path: path, headers: headers(of: operation),
            body: operation.body.map { body($0.example) })
    }

    private mutating func value(of parameter: GavelHTTP.Operation.Parameter) -> String {
        if parameter.name == "cursor", generator.chance(perMille: 850) { return cursor() }
        if case .word(let words) = parameter.schema, generator.chance(perMille: 800) {
            return generator.pick(words)
        }
        if case .integer = parameter.schema, generator.chance(perMille: 700) {
            return String(generator.below(generator.pick([5, 200, 2 * positionMax])))
        }
        if generator.chance(perMille: 500) { return generator.pick(names) }
        return text()
    }

    private mutating func headers(of operation: GavelHTTP.Operation) -> [(String, String)] {
        var headers: [(String, String)] = []
        if generator.chance(perMille: 850) {
            var caller = generator.pick(Self.callers)
            if case .roles(let roles) = operation.access, generator.chance(perMille: 700) {
                caller = roles.names.first ?? caller
            }
            headers.append(("authorization", "Bearer \(caller)"))
        }
        if operation.isWrite || operation.takesKey || generator.chance(perMille: 50) {
            let key =
                generator.chance(perMille: 700)
                ? CommandID.generate().description
                : generator.chance(perMille: 600) ? generator.pick(keys) : text()
            headers.append(("idempotency-key", key))
        }
        if generator.chance(perMille: 60) { headers.append(("gavel-min-position", text())) }
        if generator.chance(perMille: 60) { headers.append(("last-event-id", text())) }
        if generator.chance(perMille: 20) { headers.append(("content-type", text())) }
        return headers
    }

    private mutating func body(_ example: JSONValue) -> [UInt8] {
        switch generator.below(10) {
        case 0: return (0..<generator.below(40)).map { _ in UInt8(generator.below(256)) }
        case 1: return []
        case 2: return Array(String(repeating: "[", count: generator.below(3000)).utf8)
        default:
            var writer = JSONWriter()
            if case .object(let members) = example, members.map(\.name) == ["amount"] {
                // Bids of all sorts: too low, good, more than there is, and nonsense.
                let amounts = [1, 350, 450 + generator.below(5000), Int(Int64.max)]
                writer.object { $0.field("amount", generator.pick(amounts)) }
            } else {
                writer.value(generator.chance(perMille: 500) ? example : changed(example))
            }
            return writer.bytes
        }
    }

    private mutating func changed(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(var members):
            for index in members.indices {
                if generator.chance(perMille: 250) {
                    members[index].value = changed(members[index].value)
                }
            }
            if generator.chance(perMille: 60) {
                members.append(JSONMember(text(), .string(text())))
            }
            if generator.chance(perMille: 60), !members.isEmpty {
                members.remove(at: generator.below(members.count))
            }
            return .object(members)
        case .array(let values) where generator.chance(perMille: 700):
            return .array(values.map { changed($0) })
        default:
            switch generator.below(6) {
            case 0: return .null
            case 1: return .string(text())
            case 2: return .integer(Int64(bitPattern: generator.next()))
            case 3: return .integer(Int64(generator.below(3000)))
            case 4: return .string(generator.pick(names))
            default: return .bool(generator.chance(perMille: 500))
            }
        }
    }

    /// Percent-encoded, but for one in ten, which is left as it is where a parser lets it through.
    private mutating func encoded(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x23 && $0 != 0x3F }
        if isPlain, generator.chance(perMille: 100) { return text }
        return text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}

extension RouterClient {
    /// One call with whatever a client can send.
    /// - Returns: nil where the method or a header's name is none that HTTP has.
    fileprivate func call(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> TestAnswer? {
        guard let method = HTTPRequest.Method(method) else { return nil }
        var fields = HTTPFields()
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { return nil }
            fields.append(HTTPField(name: name, value: value))
        }
        let answer = try await call(method, path, headers: fields, body: body)
        let names = answer.headers.map { ($0.name.canonicalName, $0.value) }
        return TestAnswer(
            status: answer.status,
            headers: Dictionary(names, uniquingKeysWith: { first, _ in first }),
            body: answer.body)
    }
}

@Suite("Fuzzed requests")
struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let scale = environment["GAVEL_CAMPAIGN"].flatMap(Int.init) ?? 1
    private static let seed = environment["GAVEL_SEED"].flatMap(UInt64.init) ?? 20_261_129

    private static func options(_ options: inout ServiceOptions) {
        options.positionWait = .zero
        options.rejectionsPerMinute = 0
        options.allowsSelfCharge = true
        options.watchesConnections = false
        options.liveListenersMax = .max
        options.liveListenersByUser = .max
        options.liveListenersByAddress = .max
    }

    /// Lots with bids, a closed one, a category; and what clients could hold of it.
    /// - Returns: cursors of every list by several callers, and keys that were used.
    private func furnish(
        _ test: TestService, _ client: RouterClient
    ) async throws -> (cursors: [String], keys: [String]) {
        try await test.furnish(["alice", "bob", "carol"], amount: 1_000_000_000)
        var keys: [String] = []
        func post(_ path: String, _ user: String, _ body: String) async throws {
            let key = CommandID.generate().description
            keys.append(key)
            let answer = try await client.call(
                "POST", path,
                headers: [("authorization", "Bearer \(user)"), ("idempotency-key", key)],
                body: Array(body.utf8))
            #expect((200..<300).contains(answer?.status ?? 0), "\(answer?.text ?? "")")
        }
        for number in 1...6 {
            let rules =
                number.isMultiple(of: 2) ? "" : #","rules":{"proxy":true,"reserve_price":500}"#
            try await post(
                "/auctions", "bob",
                #"{"auction":"lot-\#(number)","currency":"USD","category":"clocks","#
                    + #""closes_at":"2200-01-0\#(number)T00:00:00Z"\#(rules)}"#)
            for round in 1...4 {
                try await post(
                    "/auctions/lot-\(number)/bid", round.isMultiple(of: 2) ? "alice" : "carol",
                    #"{"amount":\#(100 * round)}"#)
            }
        }
        try await post("/auctions/lot-6/close", "bob", #"{"hammer":true}"#)
        var cursors: [String] = []
        let lists = [
            "/auctions?", "/auctions?order=newest&", "/auctions?order=ending_soon&",
            "/auctions?category=clocks&", "/auctions?seller=bob&", "/auctions/lot-1/bids?",
            "/auctions/lot-2/bids?direction=oldest_first&", "/auctions/lot-1/history?",
            "/auctions/lot-2/history?", "/wallet/history?",
            "/wallet/history?direction=oldest_first&",
            "/wallets/alice/history?", "/me/bids?", "/me/sales?", "/auctions?bidder=alice&",
        ]
        for path in lists {
            for caller in [nil, "alice", "bob", "auditor"] {
                let answer = try await client.call(
                    "GET", path + "limit=1",
                    headers: caller.map { [("authorization", "Bearer \($0)")] } ?? [])
                if let cursor = answer?.json["cursor"] as? String { cursors.append(cursor) }
            }
        }
        #expect(cursors.count > 30)
        return (cursors, keys)
    }

    @Test("Whatever is sent to whichever route: no trap, no 500, 502, 504, and no 503 unforeseen")
    func fuzzed() async throws {
        var foreign: [String] = []
        try await TestService.with(Self.options) { test in
            foreign = try await furnish(test, RouterClient(test.service)).cursors
        }
        let others = foreign
        try await TestService.with(Self.options) { test in
            let client = RouterClient(test.service)
            let (cursors, keys) = try await furnish(test, client)
            var mutator = RequestMutator(
                generator: SeededGenerator(seed: Self.seed), cursors: cursors + others,
                names: (1...7).map { "lot-\($0)" } + ["alice", "bob", "carol", "house", "USD"],
                keys: keys + [
                    CommandID.none.description, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
                    "ffffffff-ffff-7fff-bfff-ffffffffffff",
                ], positionMax: Int(test.ledger.reflects))
            var statuses: [Int: Int] = [:]
            for number in 0..<2500 * Self.scale {
                // Some caller may have held closings, and then no bid is taken.
                if number.isMultiple(of: 50) { try await test.ledger.confirmClosings() }
                let made = mutator.request()
                let answer = try await client.call(
                    made.operation.method.rawValue, made.path, headers: made.headers,
                    body: made.body)
                guard let answer else { continue }
                statuses[answer.status, default: 0] += 1
                guard answer.status >= 500 else { continue }
                let isForeseen = made.operation.allProblems.contains {
                    $0.code == answer.code && $0.status.code == 503
                }
                #expect(
                    answer.status == 503 && isForeseen,
                    "seed \(Self.seed), \(number): \(answer.status) \(answer.text) to \(made.line)"
                )
            }
            print("fuzzed with seed \(Self.seed): \(statuses.sorted { $0.key < $1.key })")
            // It is no test where everything is refused for the same reason.
            for status in [200, 201, 400, 401, 403, 404, 409, 422] {
                #expect(statuses[status, default: 0] > 0, "\(status): \(statuses)")
            }
            // The service still answers.
            #expect(try await test.call("GET", "/auctions").status == 200)
            #expect(test.ledger.failure == nil)
        }
    }
}
