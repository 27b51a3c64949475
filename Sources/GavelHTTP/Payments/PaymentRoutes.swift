// Wallets and payments: what a user has, and money coming in and going out.
//
// Invariant: nobody reads or moves another user's money: owners read and withdraw, staff reads,
// the payment provider and the operator charge; who may do what is decided by the ledger again.

internal import AuctionDomain
internal import Gavel
internal import GavelJSON
internal import Hummingbird
internal import Logging

/// The routes of wallets, payments and currencies.
enum PaymentRoutes {
    static let routes: [Route] =
        [
            wallet, walletOf, selfCharge, charge, withdraw, withdrawFor,
        ] + histories + [currencies, registerCurrency]

    // MARK: Wallets

    private static let wallet = Route(
        operation: Operation(
            method: .get, path: "/wallet", id: "getWallet", tag: .payments,
            summary: "Gives the caller's wallet", isRead: true,
            answer: .init(schema: .reference("Wallet"), example: walletExample),
            problems: [ProblemKind(.userNotFound)])
    ) { call in
        try call.wallet(of: try call.caller.user)
    }

    private static let walletOf = Route(
        operation: Operation(
            method: .get, path: "/wallets/{user}", id: "getWalletOf", tag: .payments,
            summary: "Gives a user's wallet, to its owner, operators and auditors", isRead: true,
            answer: .init(schema: .reference("Wallet"), example: walletExample),
            problems: [.notYours, ProblemKind(.userNotFound)])
    ) { call in
        try call.wallet(of: try call.ownerInPath())
    }

    // MARK: Money in and out

    private static let body = Operation.Body(
        schema: .reference("Payment"),
        example: .members(
            ("currency", .string("USD")), ("amount", .integer(50_000)),
            ("reference", .string("psp-4711"))))

    private static let paymentProblems = ProblemKind.kinds(
        [.userNotFound, .currencyNotFound], [.notPermitted, .referenceAlreadyUsed])

    private static let selfCharge = Route(
        operation: Operation(
            method: .post, path: "/wallet/charge", id: "chargeOwnWallet", tag: .payments,
            summary: "Charges the caller's own wallet, for development only",
            detail: "Off unless the service was started with self-charging allowed. The entry "
                + "says what it is: its reference is the one given with `dev-self-charge:` in "
                + "front, so a reference has at most 48 characters here.",
            isWrite: true,
            body: .init(
                schema: .object([
                    .init("currency", .identifier), .init("amount", .integer(min: 1)),
                    .init(
                        "reference", .string(pattern: "^[!-~]{1,48}$"),
                        "Unique for the user, for ever."),
                ]), example: body.example),
            answer: .init(status: 201, schema: paid, detail: "Charged."),
            problems: paymentProblems + [
                .selfChargeOff, ProblemKind(Rejection.Code.overflowsTotalCharged),
            ])
    ) { call in
        guard call.service.options.allowsSelfCharge else { throw Problem(.selfChargeOff) }
        let user = try call.caller.user
        var members = try call.members()
        for index in members.indices where members[index].name == "reference" {
            guard case .string(let text) = members[index].value else { continue }
            let marked = PaymentReference.selfChargePrefix + text
            guard marked.utf8.count <= identifierBytesMax, !text.isEmpty else {
                throw Problem(
                    .malformed,
                    "reference: must have 1 to "
                        + "\(identifierBytesMax - PaymentReference.selfChargePrefix.utf8.count) "
                        + "characters here, not \(text.utf8.count)")
            }
            members[index].value = .string(marked)
        }
        let command = try call.command(
            "charge", fixed: ("user", .string(user.string)), own: members)
        // The ledger lets no user charge; the service does it in the provider's place.
        let receipt = try await call.submit(command, by: .payment)
        if case .charge(_, let currency, let amount, let reference) = command {
            call.logger.warning(
                "a user has charged the own wallet: self-charging is allowed",
                metadata: [
                    "user": "\(user)", "currency": "\(currency)",
                    "amount": "\(amount.minorUnits)", "reference": "\(reference)",
                    "position": "\(receipt.position ?? 0)",
                ])
        }
        return try call.paid(receipt, user)
    }

    private static let charge = Route(
        operation: Operation(
            method: .post, path: "/wallets/{user}/charge", id: "chargeWallet", tag: .payments,
            summary: "Puts money from outside into a wallet",
            detail: "Once for each of the user's references, whatever the key. Not into the "
                + "wallet of an account that was closed: the money would be nobody's.",
            access: .roles([.payment, .operator]), isWrite: true, body: body,
            answer: .init(
                status: 201, schema: paid, example: receiptExample, detail: "Charged."),
            problems: paymentProblems + [
                .accountClosed, ProblemKind(Rejection.Code.overflowsTotalCharged),
            ])
    ) { call in
        let user = try call.path("user", as: UserID.self)
        let command = try call.command("charge", fixed: ("user", .string(user.string)))
        return try call.paid(try await call.submit(command, by: try call.payer, for: user), user)
    }

    private static let withdraw = Route(
        operation: Operation(
            method: .post, path: "/wallet/withdraw", id: "withdrawFromOwnWallet", tag: .payments,
            summary: "Takes available money out of the caller's wallet",
            isWrite: true, body: body,
            answer: .init(
                status: 201, schema: paid, example: receiptExample, detail: "Withdrawn."),
            problems: paymentProblems + [
                ProblemKind(Rejection.Code.exceedsAvailable), .tooManyCommands,
            ])
    ) { call in
        let user = try call.caller.user
        let command = try call.command("withdraw", fixed: ("user", .string(user.string)))
        return try call.paid(try await call.submit(command, by: .user(user)), user)
    }

    private static let withdrawFor = Route(
        operation: Operation(
            method: .post, path: "/wallets/{user}/withdraw", id: "withdrawFromWallet",
            tag: .payments, summary: "Takes available money out of a wallet",
            access: .roles([.payment, .operator]), isWrite: true, body: body,
            answer: .init(
                status: 201, schema: paid, example: receiptExample, detail: "Withdrawn."),
            problems: paymentProblems + [
                .accountClosed, ProblemKind(Rejection.Code.exceedsAvailable),
            ])
    ) { call in
        let user = try call.path("user", as: UserID.self)
        let command = try call.command("withdraw", fixed: ("user", .string(user.string)))
        return try call.paid(try await call.submit(command, by: try call.payer, for: user), user)
    }

    // MARK: Currencies

    private static let currencies = Route(
        operation: Operation(
            method: .get, path: "/currencies", id: "listCurrencies", tag: .payments,
            summary: "Lists the currencies, in order of registration", access: .anyone,
            isRead: true,
            answer: .init(
                schema: .object([
                    .init("items", .array(.reference("Currency"))),
                    .init("reflects", .position),
                ]),
                example: .members(
                    ("items", .array([currencyExample])), ("reflects", .integer(12)))))
    ) { call in
        // How many entries first: more than that may be shown, never fewer.
        let reflects = call.ledger.reflects
        let currencies = call.ledger.reading.currencies
        return Response(reflecting: reflects) { writer in
            writer.object { object in
                object.name("items")
                object.array { array in
                    for currency in currencies { array.currency(currency) }
                }
                object.field("reflects", reflects)
            }
        }
    }

    private static let registerCurrency = Route(
        operation: Operation(
            method: .post, path: "/currencies", id: "registerCurrency", tag: .payments,
            summary: "Registers a currency", access: .roles(.operator), isWrite: true,
            body: .init(schema: .reference("Currency"), example: currencyExample),
            answer: .init(status: 201, schema: .receipt(), detail: "Registered."),
            problems: ProblemKind.kinds(
                [], [.notPermitted, .currencyAlreadyRegistered, .overflowsCurrencies]))
    ) { call in
        let command = try call.command("register_currency")
        return try call.answer(
            try await call.submit(command, by: .operator), status: .created)
    }
}

extension PaymentReference {
    /// Stands before the references of users who charged themselves, so that the log tells.
    static let selfChargePrefix = "dev-self-charge:"
}

extension Call {
    /// The user in the path, whose money it is.
    /// - Throws: `notYours` where the caller is neither that user nor staff.
    func ownerInPath() throws(Problem) -> UserID {
        let user = try path("user", as: UserID.self)
        let caller = try caller
        guard caller.user == user || caller.readsEverything else {
            throw Problem(.notYours, "this is the wallet of \(user)")
        }
        return user
    }

    /// Who stands behind a payment by the house or its payment provider.
    fileprivate var payer: LedgerActor {
        get throws(Problem) { try caller.roles.contains(.operator) ? .operator : .payment }
    }

    fileprivate func wallet(of user: UserID) throws -> Response {
        let answer = try asking(.userNotFound) { () throws(LedgerError) in
            try ledger.wallet(user)
        }
        return Response(wallet: answer.value, reflects: answer.reflects)
    }

    /// The answer to a payment: its receipt and the wallet.
    fileprivate func paid(_ receipt: Receipt, _ user: UserID) throws -> Response {
        let wallet = try asking(.userNotFound) { () throws(LedgerError) in
            try ledger.wallet(user)
        }
        return try answer(receipt, status: .created) { object in
            object.name("balances")
            object.balances(of: wallet.value)
        }
    }
}

extension Response {
    /// A wallet.
    init(wallet: WalletView, reflects: UInt64) {
        self.init(reflecting: reflects) { writer in
            writer.object { object in
                object.field("user", wallet.user)
                object.name("balances")
                object.balances(of: wallet)
                object.field("reflects", reflects)
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func currency(_ currency: Currency) {
        object { object in
            object.field("currency", currency.code)
            object.field("scale", currency.scale)
        }
    }
}
