// Lines to commands: every shape that is taken, and for every kind of mistake its message.

import AuctionDomain
import GavelJSON
import Testing

@Suite("Reading commands")
struct ParseCommandTests {
    static let id = "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"

    @Test("id and by may stand in every command, at only in histories")
    func readsEnvelope() throws {
        let line =
            #"{"id":"\#(Self.id)","by":"alice","command":"register_user","user":"alice","#
            + #""at":"2026-03-01T12:00:00Z"}"#
        let parsed = try parseCommand(line, allowing: .history)
        #expect(parsed.command == .registerUser("alice"))
        #expect(parsed.id == CommandID(high: 0x0190_a1b2_c3d4_7e5f, low: 0x8a6b_7c8d_9e0f_1a2b))
        #expect(parsed.actor == .user("alice"))
        #expect(parsed.at == Timestamp(seconds: 1_772_366_400))
        #expect(
            throws: CommandError("field \"at\" is not allowed outside imported histories")
        ) { try parseCommand(line) }
        #expect(throws: CommandError("field \"by\" is not allowed here")) {
            try parseCommand(line, allowing: [.id, .time])
        }
        #expect(throws: CommandError("field \"id\" is not allowed here")) {
            try parseCommand(line, allowing: [])
        }
    }

    @Test("a line without id, by and at has none")
    func readsBareCommand() throws {
        let parsed = try parseCommand(#"{"command":"register_user","user":"alice"}"#)
        #expect(parsed == ParsedCommand(command: .registerUser("alice")))
        #expect(parsed.id == nil && parsed.actor == nil && parsed.at == nil)
    }

    @Test(
        "the words operator and payment are roles, every other name and every object is a user",
        arguments: [
            (#""operator""#, .operator),
            (#""payment""#, .payment),
            (#""Operator""#, .user("Operator")),
            (#""alice""#, .user("alice")),
            (#"{"user":"operator"}"#, .user("operator")),
            (#"{"user":"system"}"#, .user("system")),
            (#"{"user":"alice"}"#, .user("alice")),
        ] as [(String, LedgerActor)])
    func readsActors(by: String, actor: LedgerActor) throws {
        let line = #"{"command":"register_user","user":"alice","by":\#(by)}"#
        #expect(try parseCommand(line).actor == actor)
    }

    @Test("a UUID of another version is a well-formed id; judging it is left to the engine")
    func readsOtherVersions() throws {
        let line =
            #"{"command":"register_user","user":"a","id":"9B2E1F0A-0000-4000-8000-000000000001"}"#
        let id = try #require(try parseCommand(line).id)
        #expect(id.description == "9b2e1f0a-0000-4000-8000-000000000001")
        #expect(!id.isVersion7)
    }

    @Test("white space and a line end around the object are no mistake")
    func allowsWhitespace() throws {
        let line = " \t{ \"command\" : \"register_user\" , \"user\" : \"alice\" } \r\n"
        #expect(try parseCommand(line).command == .registerUser("alice"))
    }

    @Test("a line of 65,536 bytes is read and one byte more is refused")
    func limitsLength() throws {
        let line = #"{"command":"register_user","user":"alice"}"#
        let padding = String(repeating: " ", count: commandLineBytesMax - line.utf8.count)
        #expect(commandLineBytesMax == 65_536)
        #expect(try parseCommand(line + padding).command == .registerUser("alice"))
        #expect(throws: CommandError("a line must have at most 65536 bytes, not 65537")) {
            try parseCommand(line + padding + " ")
        }
    }

    @Test("the longest command that is valid fits the longest line, even if all is escaped")
    func longestCommandFits() throws {
        let name = String(repeating: "x", count: 64)
        let rows = (0..<64).map {
            IncrementRow(from: $0 == 0 ? 0 : Money(minorUnits: .max - 63 + $0), step: .max)
        }
        let opening = OpenAuction(
            auction: try AuctionID(name), title: String(repeating: "\u{1}", count: 256),
            seller: try UserID(name), currency: try CurrencyCode(name), opensAt: .zero,
            closesAt: .max,
            rules: AuctionRules(openingPrice: .max, proxy: true, increments: Increments.table(rows))
        )
        let line = encodeCommand(
            .openAuction(opening), id: CommandID.none, by: .user(try UserID(name)), at: .max)
        #expect(line.utf8.count < 8_192)
        #expect(try parseCommand(line, allowing: .history).command == .openAuction(opening))
    }

    @Test("a command made of members that were read before is judged in the same way")
    func readsValues() throws {
        let body = try JSONValue(parsing: #"{"amount":5}"#)
        guard case .object(let members) = body else {
            Issue.record("not an object")
            return
        }
        let completed = JSONValue.object(
            [
                JSONMember("command", .string("place_bid")),
                JSONMember("auction", .string("lot-1")),
                JSONMember("bidder", .string("alice")),
            ] + members)
        #expect(
            try parseCommand(completed, allowing: []).command
                == .placeBid(auction: "lot-1", bidder: "alice", amount: 5))
    }
}

/// A line and the words it is refused with.
struct BadLine: Sendable, CustomTestStringConvertible {
    let line: String
    let message: String
    init(_ line: String, _ message: String) {
        self.line = line
        self.message = message
    }
    var testDescription: String { line }
}

@Suite("Refusing lines")
struct RefusedLineTests {
    /// A bid with the amount given.
    private static func bid(_ amount: String, _ message: String) -> BadLine {
        BadLine(
            #"{"command":"place_bid","auction":"lot-1","bidder":"alice","amount":\#(amount)}"#,
            message)
    }
    /// An opening with one more field.
    private static func open(_ field: String, _ message: String) -> BadLine {
        BadLine(
            #"{"command":"open_auction","auction":"a","seller":"b","currency":"USD",\#(field)}"#,
            message)
    }
    /// An opening with a soft close, and the words about it after the path.
    private static func softClose(_ fields: String, _ message: String) -> BadLine {
        open(
            #""closes_at":"2026-03-01T12:00:00Z","rules":{"soft_close":{\#(fields)}}"#,
            "rules.soft_close." + message)
    }
    /// A registration with one more field.
    private static func user(_ field: String, _ message: String) -> BadLine {
        BadLine(#"{"command":"register_user","user":"alice",\#(field)}"#, message)
    }
    private static func check(_ bad: BadLine) {
        let error = #expect(throws: CommandError.self) { try parseCommand(bad.line) }
        #expect(error?.description == bad.message)
    }

    static let lines: [BadLine] = [
        BadLine("", "a line must be a JSON object, not empty"),
        BadLine(" \t \r\n", "a line must be a JSON object, not empty"),
        BadLine("[]", "a line must be a JSON object, not an array"),
        BadLine("17", "a line must be a JSON object, not 17"),
        BadLine(#""place_bid""#, #"a line must be a JSON object, not the string "place_bid""#),
        BadLine("null", "a line must be a JSON object, not null"),
        BadLine("place_bid", "column 1: found 'p', expected a value"),
        BadLine("{} {}", "column 4: found '{', expected nothing after the value"),
        BadLine("\u{FEFF}{}", "column 1: a line must not start with a byte order mark"),
        BadLine("{}", "missing field \"command\""),
        BadLine(#"{"Command":"place_bid"}"#, "missing field \"command\""),
        BadLine(#"{"command":7}"#, "command must be a string, not 7"),
        BadLine(
            #"{"command":"bid"}"#,
            #"unknown command "bid", expected one of register_currency, register_user, charge, "#
                + "withdraw, open_auction, place_bid, buy_now, close_auction, extend_auction, "
                + "cancel_auction"),
        BadLine(
            #"{"command":"extend_outage","auction":"a"}"#,
            #"unknown command "extend_outage", expected one of register_currency, register_user, "#
                + "charge, withdraw, open_auction, place_bid, buy_now, close_auction, "
                + "extend_auction, cancel_auction"),
        BadLine(
            #"{"command":"close_due","auction":"a"}"#,
            #"unknown command "close_due", expected one of register_currency, register_user, "#
                + "charge, withdraw, open_auction, place_bid, buy_now, close_auction, "
                + "extend_auction, cancel_auction"),
        BadLine(
            #"{"command":"register_user","command":"register_user","user":"alice"}"#,
            "column 28: field \"command\" is given twice"),
    ]

    @Test("a line that is no object naming a command is refused", arguments: lines)
    func refusesLines(bad: BadLine) { Self.check(bad) }

    static let fields: [BadLine] = [
        BadLine(
            #"{"command":"place_bid","auction":"a","bidder":"b","amout":1}"#,
            #"unknown field "amout" in place_bid, which may have command, auction, bidder, "#
                + "amount, id, by, at"),
        open(
            #""rules":{"step":5}"#,
            #"unknown field "step" in rules, which may have format, opening_price, proxy, "#
                + "increments, reserve_price, buy_now_price, buy_now_until, soft_close, "
                + "duration_from_first_bid_ms, outage, fees, cancel_policy"),
        open(
            #""rules":{"increments":{"percent":5}}"#,
            #"unknown field "percent" in rules.increments, which may have basis_points"#),
        open(
            #""rules":{"soft_close":{"window":5}}"#,
            #"unknown field "window" in rules.soft_close, which may have window_ms, "#
                + "extension_ms, mode, trigger, max_extensions, latest_end"),
        open(
            #""rules":{"outage":{"move":5}}"#,
            #"unknown field "move" in rules.outage, which may have longer_than_ms, move_ms"#),
        open(
            #""rules":{"fees":{"house":{}}}"#,
            #"unknown field "house" in rules.fees, which may have seller, buyer"#),
        open(
            #""rules":{"fees":{"buyer":{"percent":9}}}"#,
            #"unknown field "percent" in rules.fees.buyer, which may have basis_points, "#
                + "fixed, minimum, maximum"),
        open(
            #""rules":{"soft_close":{"window_ms":1}}"#,
            "missing field \"rules.soft_close.extension_ms\""),
        open(
            #""rules":{"soft_close":{"extension_ms":1}}"#,
            "missing field \"rules.soft_close.window_ms\""),
        open(
            #""rules":{"increments":{}}"#, "missing field \"rules.increments.basis_points\""),
        BadLine(#"{"command":"buy_now","auction":"a"}"#, "missing field \"buyer\""),
        open(
            #""rules":{"increments":[{"from":0,"step":1},{"from":5,"stp":1}]}"#,
            #"unknown field "stp" in rules.increments[1], which may have from, step"#),
        user(
            #""by":{"user":"a","role":"b"}"#,
            #"unknown field "role" in by, which may have user"#),
        BadLine(#"{"command":"register_user"}"#, "missing field \"user\""),
        BadLine(
            #"{"command":"register_currency","currency":"USD"}"#, "missing field \"scale\""),
        BadLine(
            #"{"command":"charge","user":"a","currency":"USD","amount":1}"#,
            "missing field \"reference\""),
        BadLine(
            #"{"command":"withdraw","user":"a","currency":"USD","reference":"r"}"#,
            "missing field \"amount\""),
        BadLine(
            #"{"command":"open_auction","auction":"a","currency":"USD"}"#,
            "missing field \"seller\""),
        BadLine(
            #"{"command":"place_bid","auction":"a","amount":1}"#, "missing field \"bidder\""),
        BadLine(#"{"command":"close_auction"}"#, "missing field \"auction\""),
        BadLine(
            #"{"command":"extend_auction","auction":"a"}"#, "missing field \"closes_at\""),
        BadLine(#"{"command":"cancel_auction"}"#, "missing field \"auction\""),
        open(
            #""rules":{"increments":[{"from":0}]}"#,
            "missing field \"rules.increments[0].step\""),
        user(#""by":{}"#, "missing field \"by.user\""),
    ]

    @Test(
        "an unknown field is refused by its name and object, a missing one too",
        arguments: fields)
    func refusesFields(bad: BadLine) { Self.check(bad) }

    @Test(
        "each command has exactly its own fields and those that may stand in all",
        arguments: [
            ("register_currency", "currency, scale"),
            ("register_user", "user"),
            ("charge", "user, currency, amount, reference"),
            ("withdraw", "user, currency, amount, reference"),
            ("open_auction", "auction, title, seller, currency, opens_at, closes_at, rules"),
            ("place_bid", "auction, bidder, amount"),
            ("buy_now", "auction, buyer"),
            ("close_auction", "auction, hammer"),
            ("extend_auction", "auction, closes_at"),
            ("cancel_auction", "auction, reason"),
        ])
    func listsFields(command: String, fields: String) {
        let message =
            #"unknown field "x" in \#(command), which may have command, \#(fields), id, by, at"#
        #expect(throws: CommandError(message)) {
            try parseCommand(#"{"command":"\#(command)","x":1}"#)
        }
    }

    static let amounts: [BadLine] = [
        bid("0", "amount must be at least 1, not 0"),
        bid("-0", "amount must be at least 1, not 0"),
        bid("-5", "amount must be at least 1, not -5"),
        bid("10.5", "amount must be an integer written without fraction and exponent, not 10.5"),
        bid("1e3", "amount must be an integer written without fraction and exponent, not 1e3"),
        bid(
            "1500.0",
            "amount must be an integer written without fraction and exponent, not 1500.0"),
        bid(
            "9223372036854775808",
            "amount must be an integer of at most 64 bits, not 9223372036854775808"),
        bid(
            "-99999999999999999999",
            "amount must be an integer of at most 64 bits, not -99999999999999999999"),
        bid(
            String(repeating: "9", count: 500),
            "amount must be an integer of at most 64 bits, not "
                + String(repeating: "9", count: 64) + "…"),
        bid(#""1500""#, #"amount must be an integer, not the string "1500""#),
        bid("null", "amount must be an integer, not null"),
        bid("true", "amount must be an integer, not true"),
        bid("[1500]", "amount must be an integer, not an array"),
        bid("1500 USD", "column 73: found 'U', expected ',' or '}'"),
        bid("01500", "column 68: found a number that starts with 0, expected no zeros first"),
        BadLine(
            #"{"command":"charge","user":"a","currency":"USD","amount":0,"reference":"r"}"#,
            "amount must be at least 1, not 0"),
        BadLine(
            #"{"command":"register_currency","currency":"USD","scale":10}"#,
            "scale must be 0 to 9, not 10"),
        BadLine(
            #"{"command":"register_currency","currency":"USD","scale":258}"#,
            "scale must be 0 to 9, not 258"),
        BadLine(
            #"{"command":"register_currency","currency":"USD","scale":-1}"#,
            "scale must be 0 to 9, not -1"),
    ]

    @Test("an amount that is no whole positive number of 64 bits is refused", arguments: amounts)
    func refusesAmounts(bad: BadLine) { Self.check(bad) }

    static let names: [BadLine] = [
        BadLine(
            #"{"command":"register_user","user":""}"#,
            "user: a user must have 1 to 64 characters, not 0"),
        BadLine(
            #"{"command":"register_user","user":"\#(String(repeating: "u", count: 65))"}"#,
            "user: a user must have 1 to 64 characters, not 65"),
        BadLine(
            #"{"command":"register_user","user":"bob smith"}"#,
            #"user: a user may hold only A-Z a-z 0-9 . _ : -, not "bob smith""#),
        BadLine(
            #"{"command":"register_user","user":"bób"}"#,
            #"user: a user may hold only A-Z a-z 0-9 . _ : -, not "bób""#),
        BadLine(
            #"{"command":"register_user","user":["bob"]}"#,
            "user must be a string, not an array"),
        open(
            #""seller":"x""#,
            "column 71: field \"seller\" is given twice"),
        BadLine(
            #"{"command":"charge","user":"a","currency":"US$","amount":1,"reference":"r"}"#,
            #"currency: a currency may hold only A-Z a-z 0-9 . _ : -, not "US$""#),
        BadLine(
            #"{"command":"charge","user":"a","currency":"USD","amount":1,"reference":"a b"}"#,
            "reference: a reference may hold only printable ASCII without spaces, "
                + #"not "a b""#),
        user(#""id":"17""#, #"id must be a UUID of 36 characters, not "17""#),
        user(
            #""id":"0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2g""#,
            "id must be a UUID of 36 characters, not "
                + #""0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2g""#),
        user(
            #""id":"\#(String(repeating: "0", count: 100))""#,
            "id must be a UUID of 36 characters, not "
                + #""\#(String(repeating: "0", count: 64))…""#),
        user(#""id":17"#, "id must be a string, not 17"),
        user(
            #""by":"bob smith""#,
            #"by: a user may hold only A-Z a-z 0-9 . _ : -, not "bob smith""#),
        user(
            #""by":{"user":"bob smith"}"#,
            #"by.user: a user may hold only A-Z a-z 0-9 . _ : -, not "bob smith""#),
        user(#""by":"system""#, "by must not be \"system\": only the engine acts as the system"),
        user(
            #""by":null"#,
            "by must be a user, \"operator\" or \"payment\", not null"),
    ]

    @Test("a name that breaks its alphabet or length is refused with its field", arguments: names)
    func refusesNames(bad: BadLine) { Self.check(bad) }

    static let rules: [BadLine] = [
        open(
            #""opens_at":"2026-03-01T12:00:00Z","closes_at":"2026-03-01T12:00:00Z""#,
            "closes_at must lie after opens_at"),
        open(
            #""closes_at":"tomorrow""#,
            "closes_at: a time must be written like 2026-03-01T12:00:00Z (RFC 3339), "
                + #"not "tomorrow""#),
        open(#""closes_at":1772366400"#, "closes_at must be a string, not 1772366400"),
        open(#""opens_at":null"#, "opens_at must be a string, not null"),
        open(#""title":5"#, "title must be a string, not 5"),
        open(
            #""title":"\#(String(repeating: "€", count: 86))""#,
            "title must have at most 256 bytes, not 258"),
        open(#""rules":"english""#, #"rules must be an object, not the string "english""#),
        open(
            #""rules":{"format":"dutch"}"#,
            #"rules.format must be "english", not the string "dutch""#),
        open(
            #""rules":{"opening_price":0}"#, "rules.opening_price must be at least 1, not 0"),
        open(
            #""rules":{"opening_price":1.5}"#,
            "rules.opening_price must be an integer written without fraction and exponent, "
                + "not 1.5"),
        open(#""rules":{"proxy":1}"#, "rules.proxy must be true or false, not 1"),
        open(
            #""rules":{"increments":5}"#,
            "rules.increments must be an array of rows or an object with basis_points, not 5"),
        open(
            #""rules":{"increments":[]}"#, "rules.increments must have 1 to 64 rows, not 0"),
        open(
            #""rules":{"increments":[5]}"#,
            "rules.increments[0] must be an object with from and step, not 5"),
        open(
            #""rules":{"increments":[{"from":0,"step":"1"}]}"#,
            #"rules.increments[0].step must be an integer, not the string "1""#),
        open(
            #""rules":{"increments":[{"from":1,"step":1}]}"#,
            "rules.increments must start with from 0, not 1"),
        open(
            #""rules":{"increments":[{"from":0,"step":1},{"from":0,"step":2}]}"#,
            "rules.increments[1].from must be above the row before it"),
        open(
            #""rules":{"increments":[{"from":0,"step":0}]}"#,
            "rules.increments[0].step must be at least 1, not 0"),
        open(
            #""rules":{"increments":[{"from":0,"step":-5}]}"#,
            "rules.increments[0].step must be at least 1, not -5"),
        open(
            #""rules":{"increments":{"basis_points":0}}"#,
            "rules.increments.basis_points must be 1 to 10000, not 0"),
        open(
            #""rules":{"increments":{"basis_points":10001}}"#,
            "rules.increments.basis_points must be 1 to 10000, not 10001"),
        open(
            #""rules":{"opening_price":100,"reserve_price":99}"#,
            "rules.reserve_price must be at least rules.opening_price 100, not 99"),
        open(
            #""rules":{"opening_price":100,"buy_now_price":99}"#,
            "rules.buy_now_price must be at least rules.opening_price 100, not 99"),
        open(
            #""rules":{"reserve_price":200,"buy_now_price":199}"#,
            "rules.buy_now_price must be at least rules.reserve_price 200, not 199"),
        open(
            #""rules":{"buy_now_until":"end"}"#,
            "rules.buy_now_until needs rules.buy_now_price"),
        open(
            #""rules":{"buy_now_price":5,"buy_now_until":"reserve_met"}"#,
            "rules.buy_now_until reserve_met needs rules.reserve_price"),
        open(
            #""rules":{"buy_now_price":5,"buy_now_until":"never"}"#,
            #"rules.buy_now_until must be "first_bid" or "reserve_met" or "end", "#
                + #"not the string "never""#),
        open(#""rules":{"soft_close":5}"#, "rules.soft_close must be an object, not 5"),
        open(
            #""rules":{"soft_close":{"window_ms":1,"extension_ms":1}}"#,
            "rules.soft_close needs an end: closes_at or rules.duration_from_first_bid_ms"),
        softClose(#""window_ms":0,"extension_ms":1"#, "window_ms must be 1 to 316224000000, not 0"),
        softClose(
            #""window_ms":1,"extension_ms":316224000001"#,
            "extension_ms must be 1 to 316224000000, not 316224000001"),
        softClose(
            #""window_ms":1,"extension_ms":1,"max_extensions":0"#,
            "max_extensions must be 1 to 4294967295, not 0"),
        softClose(
            #""window_ms":1,"extension_ms":1,"max_extensions":4294967296"#,
            "max_extensions must be 1 to 4294967295, not 4294967296"),
        softClose(
            #""window_ms":1,"extension_ms":1,"mode":"set""#,
            #"mode must be "reset" or "add", not the string "set""#),
        softClose(
            #""window_ms":1,"extension_ms":1,"trigger":"bid""#,
            #"trigger must be "accepted_bid" or "price_change" or "lead_change", "#
                + #"not the string "bid""#),
        softClose(
            #""window_ms":1,"extension_ms":1,"latest_end":"2026-03-01T11:59:59.999Z""#,
            "latest_end must not lie before closes_at"),
        open(
            #""closes_at":"2026-03-01T12:00:00Z","rules":{"duration_from_first_bid_ms":1}"#,
            "rules.duration_from_first_bid_ms cannot stand beside closes_at"),
        open(
            #""rules":{"outage":{}}"#, "rules.outage must have longer_than_ms or move_ms"),
        open(#""rules":{"outage":true}"#, "rules.outage must be an object, not true"),
        open(
            #""rules":{"outage":{"longer_than_ms":0}}"#,
            "rules.outage.longer_than_ms must be 1 to 316224000000, not 0"),
        open(
            #""rules":{"outage":{"move_ms":316224000001}}"#,
            "rules.outage.move_ms must be 1 to 316224000000, not 316224000001"),
        open(
            #""rules":{"outage":{"move_ms":null}}"#,
            "rules.outage.move_ms must be an integer, not null"),
        open(
            #""rules":{"duration_from_first_bid_ms":0}"#,
            "rules.duration_from_first_bid_ms must be 1 to 316224000000, not 0"),
        open(
            #""rules":{"fees":{"seller":{"basis_points":10001}}}"#,
            "rules.fees.seller.basis_points must be 0 to 10000, that is 100%, not 10001"),
        open(
            #""rules":{"fees":{"buyer":{"basis_points":-1}}}"#,
            "rules.fees.buyer.basis_points must be 0 to 10000, that is 100%, not -1"),
        open(
            #""rules":{"fees":{"buyer":{"fixed":-1}}}"#,
            "rules.fees.buyer.fixed must not be negative, not -1"),
        open(
            #""rules":{"fees":{"seller":{"minimum":5,"maximum":4}}}"#,
            "rules.fees.seller.maximum must be at least its minimum 5, not 4"),
        open(
            #""rules":{"opening_price":5,"fees":{"buyer":{"fixed":9223372036854775803}}}"#,
            "rules.fees.buyer overflows: rules.opening_price 5 and its premium are more than "
                + "9223372036854775807"),
        open(
            #""rules":{"buy_now_price":9223372036854775807,"fees":{"buyer":{"fixed":1}}}"#,
            "rules.fees.buyer overflows: rules.buy_now_price 9223372036854775807 and its "
                + "premium are more than 9223372036854775807"),
        open(
            #""rules":{"cancel_policy":"never"}"#,
            #"rules.cancel_policy must be "before_first_bid" or "operator_only", "#
                + #"not the string "never""#),
        BadLine(
            #"{"command":"close_auction","auction":"a","hammer":"yes"}"#,
            #"hammer must be true or false, not the string "yes""#),
        BadLine(
            #"{"command":"extend_auction","auction":"a","closes_at":"2262-01-01T00:00:00Z"}"#,
            "closes_at: a time must lie in the years 1970 to 2261, "
                + #"not "2262-01-01T00:00:00Z""#),
        BadLine(
            #"{"command":"cancel_auction","auction":"a","reason":""#
                + String(repeating: "x", count: 257) + #""}"#,
            "reason must have at most 256 bytes, not 257"),
    ]

    @Test(
        "times, titles and rules that make no sense are refused with the reason",
        arguments: rules)
    func refusesRules(bad: BadLine) { Self.check(bad) }

    @Test("a line that is not UTF-8 is refused at the byte that is not")
    func refusesInvalidUTF8() {
        let head = Array(#"{"command":"register_user","user":""#.utf8)
        let error = #expect(throws: CommandError.self) {
            try parseCommand(head + [0xFF, 0x22, 0x7D])
        }
        #expect(error?.description == "column 36: found byte 0xFF, which is not UTF-8 there")
        #expect(throws: CommandError("found byte 0xFE, expected a value", column: 1)) {
            try parseCommand([0xFE, 0xFF])
        }
    }
}
