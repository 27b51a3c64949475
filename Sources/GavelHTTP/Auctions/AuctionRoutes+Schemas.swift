// What auctions look like in JSON.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON

extension AuctionRoutes {
    static let schemas: [(name: String, schema: Schema)] = [
        (
            "SellerProfile",
            .object([
                .init("user", .identifier), .init("username", .nullable(.string())),
                .init("display_name", .nullable(.string())),
                .init("about", .nullable(.string())), .init("member_since", .nullable(.time)),
            ])
        ),
        ("Opening", opening), ("OpeningRules", openingRules), ("Rules", rules),
        ("Increments", increments), ("SoftClose", softClose), ("Outage", outage),
        ("Fee", fee),
        ("AuctionListing", .object(listing)),
        ("MyAuction", .object(listing + [.init("mine", .nullable(.reference("Standing")))])),
        (
            "AuctionBrief",
            .object(brief)
        ),
        (
            "Standing",
            .object([
                .init("leading", .boolean), .init("won", .boolean),
                .init("hold", .money, "What the caller has locked for it now."),
                .init("maximum", .nullable(.money), "The caller's own, while leading."),
            ])
        ),
        (
            "Bid",
            .object([
                .init("position", .position), .init("time", .time),
                .init("bidder", .identifier), .init("amount", .nullable(.money)),
                .init("kind", .word(PublicBid.Kind.allCases.map(\.rawValue))),
                .init("price", .money, "After the bid."),
            ])
        ),
        ("Step", step), ("Fact", fact),
    ]

    // MARK: Auctions

    private static let status = Schema.word(PublicAuction.Status.allCases.map(\.jsonName))
    private static let outcome = Schema.word(AuctionOutcome.allCases.map(\.jsonName))

    /// What is shown of an auction wherever one is shown.
    private static let brief: [Schema.Property] = [
        .init("auction", .identifier), .init("currency", .identifier),
        .init("scale", .integer(min: 0, max: Int64(Currency.scaleMax))),
        .init("status", status), .init("outcome", .nullable(outcome)),
        .init("winner", .nullable(.identifier)), .init("leader", .nullable(.identifier)),
        .init("price", .nullable(.money), "What the bidding has reached."),
        .init("minimum_bid", .nullable(.money), "The least next bid of a challenger."),
        .init("buy_now_price", .nullable(.money)),
        .init("reserve_met", .nullable(.boolean), "Null where there is no reserve."),
        .init("bids", .integer(min: 0), "Accepted ones."), .init("opens_at", .time),
        .init("closes_at", .nullable(.time)),
    ]

    private static let listing: [Schema.Property] =
        brief + [
            .init("title", .string()), .init("seller", .reference("SellerProfile")),
            .init("category", .nullable(.identifier)),
        ]

    static let detailProperties: [Schema.Property] =
        listing + [
            .init("paid", .nullable(.money), "The hammer price and the buyer's premium."),
            .init("extensions", .integer(min: 0), "How often bids have moved the end."),
            .init("rules", .reference("Rules")), .init("description", .nullable(.string())),
            .init(
                "described_at", .nullable(.position),
                "Bids at this position or a later one stand after the description was written."),
            .init("opened_position", .position), .init("closed_position", .nullable(.position)),
        ]

    // MARK: Rules

    private static let opening = Schema.object([
        .optional("auction", .identifier, "Made from the Idempotency-Key where not given."),
        .optional("title", .string(max: AuctionDomain.Limits.titleBytesMax)),
        .init("currency", .identifier),
        .optional("seller", .identifier, "Another seller than the caller: for operators."),
        .optional("opens_at", .time, "Now where not given."), .optional("closes_at", .time),
        .optional("rules", .reference("OpeningRules")),
        .optional(
            "description", .nullable(.string(max: LotWords.descriptionBytesMax)),
            "At most 8,192 bytes of UTF-8."),
        .optional("category", .nullable(.identifier)),
    ])

    private static let format = Schema.word(["english"])
    private static let until = Schema.word(BuyNow.Until.allCases.map(\.jsonName))
    private static let policy = Schema.word(CancelPolicy.allCases.map(\.jsonName))
    private static let basisPoints = Schema.integer(
        min: 0, max: Int64(AuctionDomain.Limits.basisPointsMax))

    private static let openingRules = Schema.object([
        .optional("format", format), .optional("opening_price", .integer(min: 1)),
        .optional("proxy", .boolean), .optional("increments", .reference("Increments")),
        .optional("reserve_price", .integer(min: 1)),
        .optional("buy_now_price", .integer(min: 1)), .optional("buy_now_until", until),
        .optional(
            "soft_close",
            .object([
                .init("window_ms", .integer(min: 1)), .init("extension_ms", .integer(min: 1)),
                .optional("mode", .word(SoftClose.Mode.allCases.map(\.jsonName))),
                .optional("trigger", .word(SoftClose.Trigger.allCases.map(\.jsonName))),
                .optional("max_extensions", .integer(min: 1, max: Int64(UInt32.max))),
                .optional("latest_end", .time),
            ])),
        .optional("duration_from_first_bid_ms", .integer(min: 1)),
        .optional(
            "outage",
            .object([
                .optional("longer_than_ms", .integer(min: 1)),
                .optional("move_ms", .integer(min: 1)),
            ]), "At least one of the two."),
        .optional(
            "fees",
            .object([.optional("seller", openingFee), .optional("buyer", openingFee)])),
        .optional("cancel_policy", policy),
    ])

    private static let openingFee = Schema.object([
        .optional("basis_points", basisPoints), .optional("fixed", .money),
        .optional("minimum", .money), .optional("maximum", .money),
    ])

    private static let rules = Schema.object([
        .init("format", format), .init("opening_price", .money), .init("proxy", .boolean),
        .init("increments", .reference("Increments")),
        .init("reserve_price", .nullable(.money), "Null until the auction was closed."),
        .init("buy_now_price", .nullable(.money)), .init("buy_now_until", .nullable(until)),
        .init("soft_close", .nullable(.reference("SoftClose"))),
        .init("duration_from_first_bid_ms", .nullable(.integer(min: 1))),
        .optional("outage", .reference("Outage"), "Only where the auction has such a rule."),
        .init(
            "fees",
            .nullable(
                .object([
                    .init("seller", .reference("Fee")), .init("buyer", .reference("Fee")),
                ]))),
        .init("cancel_policy", policy),
    ])

    private static let increments = Schema.either([
        .array(.object([.init("from", .money), .init("step", .integer(min: 1))])),
        .object([.init("basis_points", basisPoints)]),
    ])

    private static let softClose = Schema.object([
        .init("window_ms", .integer(min: 1)), .init("extension_ms", .integer(min: 1)),
        .init("mode", .word(SoftClose.Mode.allCases.map(\.jsonName))),
        .init("trigger", .word(SoftClose.Trigger.allCases.map(\.jsonName))),
        .init("max_extensions", .nullable(.integer(min: 1))),
        .init("latest_end", .nullable(.time)),
    ])

    private static let outage = Schema.object([
        .init(
            "longer_than_ms", .integer(min: 1),
            "How long the house may be out of reach without counting."),
        .init(
            "move_ms", .nullable(.integer(min: 1)),
            "How long after an outage an end in it comes; null leaves it to the house."),
    ])

    private static let fee = Schema.object([
        .init("basis_points", basisPoints), .init("fixed", .money), .init("minimum", .money),
        .init("maximum", .nullable(.money)),
    ])

    // MARK: The story

    private static let step = Schema.object([
        .init("position", .position), .init("time", .time),
        .init("by", .string(), "A user, `operator`, `payment` or `system`."),
        .init("bidder", .nullable(.identifier)), .init("amount", .nullable(.money)),
        .init("what", .array(.reference("Fact"))), .init("price", .nullable(.money)),
        .init("price_reason", .nullable(.word(PublicPriceReason.allCases.map(\.rawValue)))),
        .init("leader", .nullable(.identifier)), .init("reserve_met", .nullable(.boolean)),
        .init("closes_at", .nullable(.time)),
    ])

    private static let fact = Schema.object([
        .init(
            "fact",
            .word([
                "opened", "leads", "raised", "absorbed", "bought_now", "extended", "sold",
                "closed", "close_confirmed", "cancelled",
            ])),
        .optional("opens_at", .time), .optional("closes_at", .nullable(.time)),
        .optional("over", .nullable(.identifier)), .optional("by", .identifier),
        .optional("reason", .string()), .optional("winner", .identifier),
        .optional("paid", .money), .optional("outcome", outcome),
        .optional("position", .position),
    ])

    static let bidExample = JSONValue.members(
        ("id", .string("01890a5d-ac96-774b-bcce-b302099a8057")), ("status", .string("accepted")),
        ("position", .integer(12)), ("time", .string("2026-03-01T12:00:00.000Z")),
        ("replayed", .bool(false)),
        (
            "auction",
            .members(
                ("auction", .string("lot-1")), ("currency", .string("USD")),
                ("scale", .integer(2)), ("status", .string("open")), ("outcome", .null),
                ("winner", .null), ("leader", .string("alice")), ("price", .integer(1_500)),
                ("minimum_bid", .integer(1_501)), ("buy_now_price", .null),
                ("reserve_met", .null), ("bids", .integer(1)),
                ("opens_at", .string("2026-03-01T11:00:00.000Z")),
                ("closes_at", .string("2030-05-01T20:00:00.000Z")))
        ),
        ("leading", .bool(true)), ("hold", .integer(1_500)))
}
