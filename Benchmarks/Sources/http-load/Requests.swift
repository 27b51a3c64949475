// What is asked for, as bytes.

import Glibc

/// Makes the requests of one scenario.
struct Requests {
    enum Kind {
        /// The same GET again and again, with or without a token.
        case get(path: String)
        /// A bid on one lot, each higher than all before it, under a key of its own.
        case bid(path: String, first: Int)
    }

    let kind: Kind
    /// Connection i calls with token i modulo their number; empty for nobody.
    let tokens: [String]
    private var amount = 0
    private var counter: UInt64 = 0
    private var generator = SystemRandomNumberGenerator()

    init(kind: Kind, tokens: [String]) {
        self.kind = kind
        self.tokens = tokens
        if case .bid(_, let first) = kind { amount = first }
    }

    /// The next request, for a connection.
    mutating func next(on connection: Int) -> [UInt8] {
        let token = tokens.isEmpty ? nil : tokens[connection % tokens.count]
        let authorization = token.map { "authorization: Bearer \($0)\r\n" } ?? ""
        switch kind {
        case .get(let path):
            return Array("GET \(path) HTTP/1.1\r\nhost: gavel\r\n\(authorization)\r\n".utf8)
        case .bid(let path, _):
            defer { amount += 1 }
            let body = "{\"amount\":\(amount)}"
            let head =
                "POST \(path) HTTP/1.1\r\nhost: gavel\r\n\(authorization)"
                + "idempotency-key: \(nextKey())\r\ncontent-type: application/json\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n"
            return Array((head + body).utf8)
        }
    }

    /// A UUID version 7 (RFC 9562): milliseconds, then what tells this run's ids apart.
    private mutating func nextKey() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let milliseconds = UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
        counter += 1
        let high = milliseconds << 16 | 0x7000 | counter & 0xFFF
        let low = UInt64(1) << 63 | generator.next() >> 2
        let digits = hexadecimal(high) + hexadecimal(low)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
