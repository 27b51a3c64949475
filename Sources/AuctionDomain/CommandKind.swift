// The commands that a caller can send, by name: said once, for JSON, tables and metrics.

extension Command {
    /// The kinds of commands, by their names in JSON and tables.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case registerCurrency = "register_currency"
        case registerUser = "register_user"
        case charge
        case withdraw
        case openAuction = "open_auction"
        case placeBid = "place_bid"
        case buyNow = "buy_now"
        case closeAuction = "close_auction"
        case extendAuction = "extend_auction"
        case cancelAuction = "cancel_auction"
    }

    public var kind: Kind {
        switch self {
        case .registerCurrency: .registerCurrency
        case .registerUser: .registerUser
        case .charge: .charge
        case .withdraw: .withdraw
        case .openAuction: .openAuction
        case .placeBid: .placeBid
        case .buyNow: .buyNow
        case .closeAuction: .closeAuction
        case .extendAuction: .extendAuction
        case .cancelAuction: .cancelAuction
        }
    }

    /// The command's name in JSON and tables.
    public var name: String { kind.rawValue }
}
