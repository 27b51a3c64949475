// Moments as text: RFC 3339, the one form of time in JSON, CSV and on the command line.
//
// Invariants: what is printed is UTC with `Z` and 3 decimals, or 9 where 3 would lose something,
// so texts of one length sort like the moments; reading what was printed gives the same moment.
//
// Choices: `T` and `Z` may be lower case (RFC 3339 section 5.6), a space instead of `T` may not.
// A leap second (`:60`) is refused and not moved: our time does not count leap seconds (see
// `Timestamp`), so it has no moment of its own, and an end of an auction must not drift by one
// second unseen. More than 9 decimals are refused, because they could not be kept.

public import AuctionDomain

extension Timestamp {
    /// Reads `2026-03-01T12:00:00Z`, `2026-03-01T13:00:00.123456789+01:00` and the like.
    ///
    /// - Throws: `MalformedValue` when the text has another form, names a day, an hour or a second
    ///   that does not exist, or lies outside the years 1970 to 2261 in UTC.
    public init(rfc3339 text: String) throws(MalformedValue) {
        var reader = TimeReader(text: text)
        self = try reader.timestamp(text.utf8.span)
    }

    /// The moment in UTC: `2026-03-01T12:00:00.000Z`.
    public var rfc3339: String { utcText }
}

/// Reads one moment from left to right.
private struct TimeReader {
    /// The whole text, for messages.
    let text: String
    private var offset = 0

    init(text: String) { self.text = text }

    mutating func timestamp(_ bytes: Span<UInt8>) throws(MalformedValue) -> Timestamp {
        let day = try date(bytes)
        guard consume(0x54, or: 0x74, bytes) else { throw malformed }
        let second = try timeOfDay(bytes)
        let fraction = try fraction(bytes)
        let offsetSeconds = try zone(bytes)
        guard offset == bytes.count else { throw malformed }
        // At most 9999 years of seconds: no overflow before the range is checked.
        let seconds = day * 86_400 + second - offsetSeconds
        guard seconds >= 0, seconds <= Timestamp.max.nanoseconds / 1_000_000_000 else {
            throw MalformedValue("a time must lie in the years 1970 to 2261, not \(quoted(text))")
        }
        return Timestamp(nanoseconds: seconds * 1_000_000_000 + fraction)
    }

    private mutating func date(_ bytes: Span<UInt8>) throws(MalformedValue) -> Int64 {
        let year = try digits(4, bytes)
        guard consume(ASCII.minus, bytes) else { throw malformed }
        let month = try digits(2, bytes)
        guard consume(ASCII.minus, bytes) else { throw malformed }
        let day = try digits(2, bytes)
        guard month >= 1, month <= 12 else {
            throw MalformedValue("a month must be 01 to 12, in \(quoted(text))")
        }
        let date = CivilDay(year: year, month: month, day: day)
        guard day >= 1, day <= date.daysInMonth else {
            throw MalformedValue(
                "that month has the days 01 to \(date.daysInMonth), in \(quoted(text))")
        }
        return date.daysSince1970
    }

    private mutating func timeOfDay(_ bytes: Span<UInt8>) throws(MalformedValue) -> Int64 {
        let hour = try digits(2, bytes)
        guard consume(ASCII.colon, bytes) else { throw malformed }
        let minute = try digits(2, bytes)
        guard consume(ASCII.colon, bytes) else { throw malformed }
        let second = try digits(2, bytes)
        guard hour <= 23, minute <= 59 else {
            throw MalformedValue("a time of day must be 00:00 to 23:59, in \(quoted(text))")
        }
        guard second <= 59 else {
            throw MalformedValue(
                "seconds must be 00 to 59 (leap seconds are not counted), in \(quoted(text))")
        }
        return hour * 3_600 + minute * 60 + second
    }

    /// Nanoseconds; 0 where no decimals stand.
    private mutating func fraction(_ bytes: Span<UInt8>) throws(MalformedValue) -> Int64 {
        guard consume(ASCII.period, bytes) else { return 0 }
        let start = offset
        var value: Int64 = 0
        while offset < bytes.count, ASCII.isDigit(bytes[offset]) {
            guard offset - start < 9 else {
                throw MalformedValue("seconds must have at most 9 decimals, in \(quoted(text))")
            }
            value = value * 10 + Int64(bytes[offset] - ASCII.zero)
            offset += 1
        }
        guard offset > start else { throw malformed }
        for _ in offset - start..<9 { value *= 10 }
        return value
    }

    /// How far the zone is ahead of UTC, in seconds. `-00:00` counts as UTC.
    private mutating func zone(_ bytes: Span<UInt8>) throws(MalformedValue) -> Int64 {
        if consume(0x5A, or: 0x7A, bytes) { return 0 }
        let isBehind = consume(ASCII.minus, bytes)
        guard isBehind || consume(ASCII.plus, bytes) else {
            throw MalformedValue(
                "a time must end in Z or an offset like +01:00, not \(quoted(text))")
        }
        let hours = try digits(2, bytes)
        guard consume(ASCII.colon, bytes) else { throw malformed }
        let minutes = try digits(2, bytes)
        guard hours <= 23, minutes <= 59 else {
            throw MalformedValue("an offset must be 00:00 to 23:59, in \(quoted(text))")
        }
        let seconds = hours * 3_600 + minutes * 60
        return isBehind ? -seconds : seconds
    }

    private mutating func digits(
        _ count: Int, _ bytes: Span<UInt8>
    ) throws(MalformedValue) -> Int64 {
        var value: Int64 = 0
        for _ in 0..<count {
            guard offset < bytes.count, ASCII.isDigit(bytes[offset]) else { throw malformed }
            value = value * 10 + Int64(bytes[offset] - ASCII.zero)
            offset += 1
        }
        return value
    }

    private mutating func consume(
        _ byte: UInt8, or other: UInt8? = nil, _ bytes: Span<UInt8>
    ) -> Bool {
        guard offset < bytes.count, bytes[offset] == byte || bytes[offset] == other else {
            return false
        }
        offset += 1
        return true
    }

    private var malformed: MalformedValue {
        MalformedValue(
            "a time must be written like 2026-03-01T12:00:00Z (RFC 3339), not \(quoted(text))")
    }
}
