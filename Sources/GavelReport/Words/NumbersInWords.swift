// Counts and spans of time as people read them.

/// `1 auction`, `2 auctions`.
package func counted(_ count: some BinaryInteger, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
}

/// `1 entry`, `2 entries`.
package func counted(_ count: some BinaryInteger, _ one: String, _ many: String) -> String {
    "\(count) \(count == 1 ? one : many)"
}

/// A span of time with a unit that fits: three figures that mean something.
package func spanText(_ nanoseconds: UInt64) -> String {
    switch nanoseconds {
    case ..<1_000: "\(nanoseconds) ns"
    case ..<1_000_000: decimal(nanoseconds, 1_000) + " µs"
    case ..<1_000_000_000: decimal(nanoseconds, 1_000_000) + " ms"
    default: decimal(nanoseconds, 1_000_000_000) + " s"
    }
}

/// A quotient with as many decimals as make three figures.
private func decimal(_ value: UInt64, _ unit: UInt64) -> String {
    let whole = value / unit
    let thousandths = value % unit * 1_000 / unit
    if whole >= 100 { return "\(whole)" }
    if whole >= 10 { return "\(whole).\(thousandths / 100)" }
    let hundredths = thousandths / 10
    return "\(whole).\(hundredths < 10 ? "0" : "")\(hundredths)"
}

/// A count with a comma before each three digits.
package func grouped(_ number: some BinaryInteger) -> String {
    let digits = String(number)
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0, text != "-" { text += "," }
        text.append(digit)
    }
    return text
}
