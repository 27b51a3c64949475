// Moments as text: UTC by the Gregorian calendar, as RFC 3339 has it, for people and for JSON.
//
// Invariants: what is printed is UTC with `Z` and 3 decimals, or 9 where 3 would lose something,
// so texts of one length sort like the moments.

extension Timestamp {
    /// The moment in UTC: `2026-03-01T12:00:00.000Z`.
    package var utcText: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(30)
        appendUTC(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends `utcText`.
    package func appendUTC(to bytes: inout [UInt8]) {
        // Rounded down and not towards zero, so that moments before 1970, which no entry holds
        // but a value may, still print as what they are.
        let (seconds, fraction) = flooredDivision(nanoseconds, by: 1_000_000_000)
        let (day, second) = flooredDivision(seconds, by: 86_400)
        let date = CivilDay(daysSince1970: day)
        bytes.appendDigits(date.year, count: 4)
        bytes.append(0x2D)
        bytes.appendDigits(date.month, count: 2)
        bytes.append(0x2D)
        bytes.appendDigits(date.day, count: 2)
        bytes.append(0x54)
        bytes.appendDigits(second / 3_600, count: 2)
        bytes.append(0x3A)
        bytes.appendDigits(second / 60 % 60, count: 2)
        bytes.append(0x3A)
        bytes.appendDigits(second % 60, count: 2)
        bytes.append(0x2E)
        if fraction % 1_000_000 == 0 {
            bytes.appendDigits(fraction / 1_000_000, count: 3)
        } else {
            bytes.appendDigits(fraction, count: 9)
        }
        bytes.append(0x5A)
    }
}

func flooredDivision(
    _ value: Int64, by divisor: Int64
) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// A day of the Gregorian calendar, also before its introduction.
package struct CivilDay {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    package init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    // Both conversions count in years that start on 1 March, so that the leap day is the last
    // day of its year, and in eras of 400 years, after which the calendar repeats (146,097 days).

    init(daysSince1970 days: Int64) {
        let (era, dayOfEra) = flooredDivision(days + 719_468, by: 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSince1970: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = flooredDivision(shiftedYear, by: 400)
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// How many days the month has, which must be 1 to 12.
    package var daysInMonth: Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension [UInt8] {
    /// Appends exactly `count` digits, with zeros in front.
    fileprivate mutating func appendDigits(_ value: Int64, count: Int) {
        var divisor: Int64 = 1
        for _ in 1..<count { divisor *= 10 }
        var rest = value
        for _ in 0..<count {
            append(0x30 + UInt8(truncatingIfNeeded: rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }
}
