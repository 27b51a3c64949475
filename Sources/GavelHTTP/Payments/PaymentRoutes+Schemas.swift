// What wallets and payments look like in JSON.

internal import AuctionDomain
internal import GavelJSON

extension PaymentRoutes {
    static let schemas: [(name: String, schema: Schema)] = [
        (
            "Currency",
            .object([
                .init("currency", .identifier),
                .init(
                    "scale", .integer(min: 0, max: Int64(Currency.scaleMax)),
                    "Digits behind the point."),
            ])
        ),
        (
            "Payment",
            .object([
                .init("currency", .identifier), .init("amount", .integer(min: 1)),
                .init(
                    "reference", .string(pattern: "^[!-~]{1,64}$"),
                    "The payment's name at the provider, unique for user and kind for ever."),
            ])
        ),
        (
            "Balance",
            .object([
                .init("currency", .identifier),
                .init("scale", .integer(min: 0, max: Int64(Currency.scaleMax))),
                .init("available", .money, "What can be spent."),
                .init("locked", .money, "What bids hold."),
                .init(
                    "holds",
                    .array(
                        .object([.init("auction", .identifier), .init("amount", .money)])),
                    "What makes up `locked`, in order of opening."),
            ])
        ),
        (
            "Wallet",
            .object([
                .init("user", .identifier),
                .init("balances", .array(.reference("Balance"))), .init("reflects", .position),
            ])
        ),
        (
            "WalletEntry",
            .object([
                .init("position", .position), .init("time", .time),
                .init("command", .string(), "What caused it, the user's own command or not."),
                .init("own", .boolean, "Whether the user sent the command, or it speaks for her."),
                .init("auction", .nullable(.identifier)),
                .init("amount", .nullable(.money), "Of the user's own bid or payment."),
                .init(
                    "rejection",
                    .nullable(
                        .object([
                            .init("code", .string()), .init("number", .integer(min: 1)),
                            .init("limit", .nullable(.money)),
                        ])), "Why the user's own command was rejected."),
                .init("movements", .array(.reference("Movement"))),
            ])
        ),
        (
            "Movement",
            .object([
                .init(
                    "kind",
                    .word(["charged", "withdrawn", "locked", "refunded", "paid", "sold", "fee"])),
                .init("currency", .identifier), .init("amount", .money),
                .init("available", .integer(), "What was added to the available half."),
                .init("locked", .integer(), "What was added to the locked half."),
                .init("auction", .nullable(.identifier)),
                .init("reference", .nullable(.string())),
                .init(
                    "reason",
                    .nullable(
                        .word(RefundReason.allCases.map(\.jsonName)))),
            ])
        ),
    ]

    /// A payment's answer.
    static let paid = Schema.receipt([.init("balances", .array(.reference("Balance")))])

    static let currencyExample = JSONValue.members(
        ("currency", .string("USD")), ("scale", .integer(2)))

    private static let balances = JSONValue.array([
        .members(
            ("currency", .string("USD")), ("scale", .integer(2)), ("available", .integer(48_500)),
            ("locked", .integer(1_500)),
            (
                "holds",
                .array([.members(("auction", .string("lot-1")), ("amount", .integer(1_500)))])
            ))
    ])
    static let walletExample = JSONValue.members(
        ("user", .string("alice")), ("balances", balances), ("reflects", .integer(12)))
    static let receiptExample = JSONValue.members(
        ("id", .string("01890a5d-ac96-774b-bcce-b302099a8057")), ("status", .string("accepted")),
        ("position", .integer(12)), ("time", .string("2026-03-01T12:00:00.000Z")),
        ("replayed", .bool(false)), ("balances", balances))
}
