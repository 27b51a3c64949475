// Answers to queries as CSV (RFC 4180): one header line, one line a row, amounts in minor units,
// times in RFC 3339, nothing where there is no value.
//
// Invariants: a row has as many fields as its header, and is one line. Lines end in LF alone, as
// the tools of a Unix command line expect; RFC 4180 would have CRLF, which its readers do not
// insist on. No field holds a control character, and none is a formula to a spreadsheet: a text
// that begins with one of `= + - @ '` has a `'` before it, which whoever reads it takes off again.
// Numbers are as they are, and so is a `-` alone, which runs nothing.

import AuctionDomain
public import Gavel

/// Collects CSV text.
///
///     var csv = CSVWriter()
///     csv.auctionsHeader()
///     for view in views { csv.auction(view) }
///
/// Keep one and call `removeAll()` between rows: it keeps its memory.
public struct CSVWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// What was written so far, as a string.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Writes one row; nil becomes an empty field.
    public mutating func row(_ fields: [String?]) {
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(ASCII.comma) }
            if let field { append(field) }
        }
        bytes.append(ASCII.newline)
    }

    /// A field, in quotes only where it has to be.
    private mutating func append(_ text: String) {
        let text = printable(text)
        let field = Self.needsGuard(text) ? "'" + text : text
        let needsQuotes = field.utf8.contains { byte in
            byte == ASCII.comma || byte == ASCII.quote
        }
        guard needsQuotes else {
            bytes.append(contentsOf: field.utf8)
            return
        }
        bytes.append(ASCII.quote)
        for byte in field.utf8 {
            if byte == ASCII.quote { bytes.append(ASCII.quote) }
            bytes.append(byte)
        }
        bytes.append(ASCII.quote)
    }

    /// Whether a spreadsheet would run the text, or could not tell it from a guarded one.
    private static func needsGuard(_ text: String) -> Bool {
        switch text.unicodeScalars.first {
        case "=", "+", "@", "'": true
        // The wide forms, which spreadsheets of East Asia take for the narrow ones.
        case "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}": true
        case "-": text.utf8.count > 1 && !isNumber(text.utf8.dropFirst())
        default: false
        }
    }

    /// Whether digits are all there is, with a point between two of them at most.
    private static func isNumber(_ digits: Substring.UTF8View) -> Bool {
        let parts = digits.split(separator: 0x2E, omittingEmptySubsequences: false)
        return parts.count <= 2
            && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(ASCII.isDigit) }
    }
}

// MARK: Auctions and wallets

extension CSVWriter {
    /// Writes the columns of `auction(_:)`.
    public mutating func auctionsHeader() {
        row([
            "auction", "seller", "currency", "status", "outcome", "winner", "price", "bids",
            "accepted_bids", "opens_at", "closes_at",
        ])
    }

    /// Writes an auction. Winner and hammer price stand only once it is closed: before that the
    /// price may still move, and after a cancellation there is none.
    public mutating func auction(_ view: AuctionView) {
        let isClosed = view.status == .closed
        row([
            view.auction.string, view.seller.string, view.currency.code.string,
            view.status.jsonName, view.outcome?.jsonName,
            isClosed ? view.winner?.string : nil, isClosed ? decimal(view.price) : nil,
            String(view.bids), String(view.acceptedBids), view.opensAt.rfc3339,
            view.closesAt?.rfc3339,
        ])
    }

    /// Writes the columns of `wallet(_:)`.
    public mutating func walletsHeader() {
        row(["user", "currency", "available", "locked"])
    }

    /// Writes a wallet, a row for each currency it ever held; none for one that held none.
    public mutating func wallet(_ view: WalletView) {
        for balance in view.balances {
            row([
                view.user.string, balance.currency.code.string, decimal(balance.available),
                decimal(balance.locked),
            ])
        }
    }
}

// MARK: Entries

extension CSVWriter {
    /// Writes the columns of `entry(_:names:)`.
    public mutating func entriesHeader() {
        row([
            "position", "time", "id", "by", "command", "auction", "user", "amount", "status",
            "code", "currency", "reference",
        ])
    }

    /// Writes an entry of the log: what the command was about, and what became of it. `code` is
    /// the rejection's and empty when accepted, `reference` a payment's; `currency` is that of the
    /// amount, or of what the command is about.
    public mutating func entry(_ entry: LedgerEntry, names: some Names) {
        row([
            String(entry.position), entry.time.rfc3339, entry.commandID?.description,
            by(entry, names: names), entry.command.jsonName,
            entry.command.auctionID(names: names)?.string,
            user(of: entry.command, names: names)?.string,
            decimal(entry.command.amount), entry.status.name,
            entry.outcome.rejection?.code.name, currency(of: entry.command, names: names)?.string,
            entry.command.reference?.string,
        ])
    }

    /// As in JSON, but without quotes around a plain word; an object keeps its JSON text, whose
    /// brace no name can begin with.
    private func by(_ entry: LedgerEntry, names: some Names) -> String {
        guard let actor = LedgerActor(of: entry, names: names) else { return "system" }
        switch actor {
        case .operator: return "operator"
        case .payment: return "payment"
        case .user(let user):
            guard isRole(user.string) else { return user.string }
            var writer = JSONWriter()
            writer.actor(actor)
            return writer.text
        }
    }

    private func user(of command: CanonicalCommand, names: some Names) -> UserID? {
        if case .registerUser(let user) = command { return user }
        return command.user.map { names.id(of: $0) }
    }

    private func currency(of command: CanonicalCommand, names: some Names) -> CurrencyCode? {
        if case .registerCurrency(let currency) = command { return currency.code }
        return command.currency(names: names)?.code
    }

    private func decimal(_ amount: Money?) -> String? {
        amount.map { String($0.minorUnits) }
    }
}
