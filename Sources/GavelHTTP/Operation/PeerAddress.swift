// Where a call comes from.

internal import NIOCore

/// Where calls come from, as far as limits tell callers apart: an address of version 4, or the
/// network of 64 bits that whoever has an address of version 6 has all of.
enum PeerAddress: Hashable, Sendable {
    case v4(UInt32)
    case v6(UInt64)
    /// Not from a network.
    case local

    init(_ address: SocketAddress?) {
        self = address?.ipAddress.flatMap { Self(printed: $0) } ?? .local
    }

    /// - Returns: nil where the text is no address.
    init?(_ text: String) {
        guard text.utf8.count <= 45, let address = try? SocketAddress(ipAddress: text, port: 0)
        else { return nil }
        self.init(address)
    }

    /// Reads an address as the system prints it.
    private init?(printed text: String) {
        let text = text.prefix { $0 != "%" }
        if text.utf8.contains(UInt8(ascii: ".")) {
            // ::ffff:192.0.2.1 is an address of version 4 too.
            let parts = (text.split(separator: ":").last ?? "").split(separator: ".")
            guard parts.count == 4 else { return nil }
            self = .v4(parts.reduce(0) { $0 << 8 | (UInt32($1) ?? 0) })
            return
        }
        // Only `::` may stand for groups of zeros, and only once.
        var groups: [Substring] = text.split(separator: ":", omittingEmptySubsequences: false)
        if let gap = groups.firstIndex(of: "") {
            let given = groups.filter { !$0.isEmpty }.count
            groups =
                groups[..<gap] + Array(repeating: "0", count: 8 - given)
                + groups[gap...].filter { !$0.isEmpty }
        }
        self = .v6(groups.prefix(4).reduce(0) { $0 << 16 | (UInt64($1, radix: 16) ?? 0) })
    }

    /// The same for the same address, for whoever makes a digest of it.
    var text: String {
        switch self {
        case .v4(let number): "4:\(number)"
        case .v6(let number): "6:\(number)"
        case .local: "local"
        }
    }
}
