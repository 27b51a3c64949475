// The shape of every command in JSON: which fields it has and what they become.
//
// Invariant: a field stands in its command's list of known fields exactly if it is read here and
// written by `JSONWriter.command`; the round-trip tests hold all three together.

import AuctionDomain

/// The fields that a command has, by its name: those of its own, then those of every command.
/// Empty for what is no command.
public func commandFields(of command: String) -> [String] {
    Command.Kind(rawValue: command)?.fields ?? []
}

/// An object that names a command.
struct CommandObject {
    private let kind: Command.Kind
    let fields: FieldReader

    init(_ members: [JSONMember], envelope: EnvelopeFields) throws(CommandError) {
        guard let name = members.first(where: { $0.name == "command" }) else {
            throw CommandError("missing field \"command\"")
        }
        guard case .string(let text) = name.value else {
            throw CommandError("command must be a string, not \(name.value.found)")
        }
        guard let kind = Command.Kind(rawValue: text) else {
            throw CommandError(
                "unknown command \(quoted(text)), expected one of "
                    + Command.Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self.kind = kind
        fields = try FieldReader(members, of: kind.rawValue, known: kind.fields)
        // Known, but not everywhere: said apart, since the name is no mistake.
        try fields.check("id", isAllowed: envelope.contains(.id), "here")
        try fields.check("by", isAllowed: envelope.contains(.actor), "here")
        try fields.check("at", isAllowed: envelope.contains(.time), "outside imported histories")
    }

    func command() throws(CommandError) -> Command {
        switch kind {
        case .registerCurrency: return .registerCurrency(try currency())
        case .registerUser:
            return .registerUser(try fields.identifier("user", as: UserID.self))
        case .charge:
            return .charge(
                user: try fields.identifier("user", as: UserID.self),
                currency: try fields.identifier("currency", as: CurrencyCode.self),
                amount: try fields.money("amount"),
                reference: try fields.identifier("reference", as: PaymentReference.self))
        case .withdraw:
            return .withdraw(
                user: try fields.identifier("user", as: UserID.self),
                currency: try fields.identifier("currency", as: CurrencyCode.self),
                amount: try fields.money("amount"),
                reference: try fields.identifier("reference", as: PaymentReference.self))
        case .openAuction: return .openAuction(try opening())
        case .placeBid:
            return .placeBid(
                auction: try auction(),
                bidder: try fields.identifier("bidder", as: UserID.self),
                amount: try fields.money("amount"))
        case .buyNow:
            return .buyNow(
                auction: try auction(), buyer: try fields.identifier("buyer", as: UserID.self))
        case .closeAuction:
            return .closeAuction(
                try auction(), hammer: try fields.boolIfPresent("hammer") ?? false)
        case .extendAuction:
            return .extendAuction(try auction(), closesAt: try fields.time("closes_at"))
        case .cancelAuction:
            return .cancelAuction(
                try auction(), reason: try fields.stringIfPresent("reason") ?? "")
        }
    }

    private func auction() throws(CommandError) -> AuctionID {
        try fields.identifier("auction", as: AuctionID.self)
    }

    private func currency() throws(CommandError) -> Currency {
        let code = try fields.identifier("currency", as: CurrencyCode.self)
        let scale = try fields.integer("scale")
        // Checked here and not left to `validate`: 258 must not become 2 on the way there.
        guard scale >= 0, scale <= Int64(Currency.scaleMax) else {
            throw CommandError("scale must be 0 to \(Currency.scaleMax), not \(scale)")
        }
        return Currency(code: code, scale: UInt8(scale))
    }

    private func opening() throws(CommandError) -> OpenAuction {
        OpenAuction(
            auction: try auction(),
            title: try fields.stringIfPresent("title") ?? "",
            seller: try fields.identifier("seller", as: UserID.self),
            currency: try fields.identifier("currency", as: CurrencyCode.self),
            opensAt: try fields.timeIfPresent("opens_at"),
            closesAt: try fields.timeIfPresent("closes_at"),
            rules: try fields.rulesIfPresent("rules") ?? AuctionRules())
    }

    // MARK: Envelope

    func id() throws(CommandError) -> CommandID? {
        guard let text = try fields.stringIfPresent("id") else { return nil }
        // The length first: the domain's message repeats the whole text.
        guard text.utf8.count == 36, let id = try? CommandID(text) else {
            throw CommandError("id must be a UUID of 36 characters, not \(quoted(text))")
        }
        return id
    }

    /// `"operator"` and `"payment"` are the roles, `"system"` is the engine and no caller, every
    /// other string is a user. `{"user":"operator"}` is the user of that name, so that no name is
    /// lost to a role and no user gains a role by her name.
    func actor() throws(CommandError) -> LedgerActor? {
        guard let value = fields.ifPresent("by") else { return nil }
        switch value {
        case .string("operator"): return .operator
        case .string("payment"): return .payment
        case .string("system"):
            throw CommandError("by must not be \"system\": only the engine acts as the system")
        case .string:
            return .user(try fields.identifier("by", as: UserID.self))
        case .object(let members):
            let object = try FieldReader(members, prefix: "by.", of: "by", known: ["user"])
            return .user(try object.identifier("user", as: UserID.self))
        default:
            throw fields.wrong("by", value, "a user, \"operator\" or \"payment\"")
        }
    }
}

extension FieldReader {
    fileprivate func check(
        _ name: String, isAllowed: Bool, _ place: String
    ) throws(CommandError) {
        if !isAllowed, ifPresent(name) != nil {
            throw CommandError("field \"\(name)\" is not allowed \(place)")
        }
    }
}

extension Command.Kind {
    /// Every field that may stand in the command, its own ones first.
    fileprivate var fields: [String] {
        switch self {
        case .registerCurrency: Self.currencyFields
        case .registerUser: Self.userFields
        case .charge, .withdraw: Self.paymentFields
        case .openAuction: Self.openingFields
        case .placeBid: Self.bidFields
        case .buyNow: Self.purchaseFields
        case .closeAuction: Self.closeFields
        case .extendAuction: Self.extendFields
        case .cancelAuction: Self.cancelFields
        }
    }

    // Constants, so that reading a line does not build a list.
    private static let envelope = ["id", "by", "at"]
    private static let currencyFields = ["command", "currency", "scale"] + envelope
    private static let userFields = ["command", "user"] + envelope
    private static let paymentFields =
        ["command", "user", "currency", "amount", "reference"] + envelope
    private static let openingFields =
        ["command", "auction", "title", "seller", "currency", "opens_at", "closes_at", "rules"]
        + envelope
    private static let bidFields = ["command", "auction", "bidder", "amount"] + envelope
    private static let purchaseFields = ["command", "auction", "buyer"] + envelope
    private static let closeFields = ["command", "auction", "hammer"] + envelope
    private static let extendFields = ["command", "auction", "closes_at"] + envelope
    private static let cancelFields = ["command", "auction", "reason"] + envelope
}
