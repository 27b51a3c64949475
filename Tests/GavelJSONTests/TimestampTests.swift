// RFC 3339 in both directions, against values from another implementation and a naive calendar.

import AuctionDomain
import GavelJSON
import Testing

@Suite("Times as text")
struct TimestampTests {
    // The seconds are from Python's datetime.
    @Test(
        "a time is read as the moment it names and printed in UTC, shortest of 3 and 9 decimals",
        arguments: [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"),
            ("1970-01-01T00:00:00.000000001Z", 1, "1970-01-01T00:00:00.000000001Z"),
            ("1999-12-31T23:59:59Z", 946_684_799_000_000_000, "1999-12-31T23:59:59.000Z"),
            ("2000-02-29T12:34:56.7Z", 951_827_696_700_000_000, "2000-02-29T12:34:56.700Z"),
            (
                "2000-02-29T12:34:56.0007Z", 951_827_696_000_700_000,
                "2000-02-29T12:34:56.000700000Z"
            ),
            ("2003-03-22T04:59:36.672Z", 1_048_309_176_672_000_000, "2003-03-22T04:59:36.672Z"),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
            (
                "2261-12-31T23:59:59.999999999Z", 9_214_646_399_999_999_999,
                "2261-12-31T23:59:59.999999999Z"
            ),
            ("2024-02-29T01:30:00+01:30", 1_709_164_800_000_000_000, "2024-02-29T00:00:00.000Z"),
            ("2024-02-28T19:00:00-05:00", 1_709_164_800_000_000_000, "2024-02-29T00:00:00.000Z"),
            ("2024-02-29t00:00:00-00:00", 1_709_164_800_000_000_000, "2024-02-29T00:00:00.000Z"),
            ("2024-02-29T00:00:00z", 1_709_164_800_000_000_000, "2024-02-29T00:00:00.000Z"),
            // Only the moment in UTC has to lie in the range.
            ("1969-12-31T23:00:00-01:00", 0, "1970-01-01T00:00:00.000Z"),
            (
                "2262-01-01T00:59:59+01:00", 9_214_646_399_000_000_000,
                "2261-12-31T23:59:59.000Z"
            ),
        ] as [(String, Int64, String)])
    func reads(text: String, nanoseconds: Int64, printed: String) throws {
        let time = try Timestamp(rfc3339: text)
        #expect(time.nanoseconds == nanoseconds)
        #expect(time.rfc3339 == printed)
        #expect(try Timestamp(rfc3339: printed) == time)
    }

    @Test("the first and the last moment are the bounds of Timestamp")
    func bounds() throws {
        #expect(try Timestamp(rfc3339: "1970-01-01T00:00:00Z") == .zero)
        #expect(try Timestamp(rfc3339: "2261-12-31T23:59:59.999999999Z") == .max)
    }

    @Test("every day of 1970 to 2261 is the day a naive calendar counts, and no other exists")
    func everyDay() throws {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var day: Int64 = 0
        for year in 1970...2261 {
            let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            for (month, length) in lengths.enumerated() {
                for date in 1...length {
                    let text = "\(year)-\(two(month + 1))-\(two(date))T00:00:00.000Z"
                    let time = Timestamp(seconds: day * 86_400)
                    if time.rfc3339 != text { Issue.record("\(text) printed as \(time.rfc3339)") }
                    if try Timestamp(rfc3339: text) != time { Issue.record("\(text) misread") }
                    day += 1
                }
                let after = "\(year)-\(two(month + 1))-\(two(length + 1))T00:00:00Z"
                if (try? Timestamp(rfc3339: after)) != nil { Issue.record("\(after) was read") }
            }
        }
        #expect(Timestamp(seconds: day * 86_400 - 1).rfc3339 == "2261-12-31T23:59:59.000Z")
    }

    @Test("any moment that is printed is read back as itself, and texts sort like moments")
    func roundTrips() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<5_000 {
            let bound = Timestamp.max.nanoseconds
            let first = Timestamp(nanoseconds: .random(in: 0...bound, using: &generator))
            let second = Timestamp(nanoseconds: .random(in: 0...bound, using: &generator))
            #expect(try Timestamp(rfc3339: first.rfc3339) == first)
            #expect((first < second) == (first.rfc3339 < second.rfc3339))
        }
    }

    @Test("moments outside the range print as what they are and are not read back")
    func printsOutside() {
        #expect(Timestamp(nanoseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999999Z")
        #expect(Timestamp(nanoseconds: .min).rfc3339 == "1677-09-21T00:12:43.145224192Z")
        #expect(Timestamp(nanoseconds: .max).rfc3339 == "2262-04-11T23:47:16.854775807Z")
        #expect(throws: MalformedValue.self) {
            try Timestamp(rfc3339: Timestamp(nanoseconds: -1).rfc3339)
        }
    }

    private static let form = "a time must be written like 2026-03-01T12:00:00Z (RFC 3339), not "
    private static let leap = "seconds must be 00 to 59 (leap seconds are not counted), in "

    @Test(
        "what is no time is refused with the reason",
        arguments: [
            ("", form + #""""#),
            ("2026-03-01", form + #""2026-03-01""#),
            ("2026-03-01 12:00:00Z", form + #""2026-03-01 12:00:00Z""#),
            ("2026-3-01T12:00:00Z", form + #""2026-3-01T12:00:00Z""#),
            ("2026-03-01T12:00Z", form + #""2026-03-01T12:00Z""#),
            ("2026-03-01T12:00:00.Z", form + #""2026-03-01T12:00:00.Z""#),
            ("2026-03-01T12:00:00Zx", form + #""2026-03-01T12:00:00Zx""#),
            ("2026-03-01T12:00:00+0100", form + #""2026-03-01T12:00:00+0100""#),
            ("+026-03-01T12:00:00Z", form + #""+026-03-01T12:00:00Z""#),
            ("２026-03-01T12:00:00Z", form + #""２026-03-01T12:00:00Z""#),
            (
                "2026-03-01T12:00:00",
                #"a time must end in Z or an offset like +01:00, not "2026-03-01T12:00:00""#
            ),
            ("2026-13-01T12:00:00Z", #"a month must be 01 to 12, in "2026-13-01T12:00:00Z""#),
            ("2026-00-01T12:00:00Z", #"a month must be 01 to 12, in "2026-00-01T12:00:00Z""#),
            (
                "2023-02-29T12:00:00Z",
                #"that month has the days 01 to 28, in "2023-02-29T12:00:00Z""#
            ),
            (
                "2100-02-29T12:00:00Z",
                #"that month has the days 01 to 28, in "2100-02-29T12:00:00Z""#
            ),
            (
                "2026-03-00T12:00:00Z",
                #"that month has the days 01 to 31, in "2026-03-00T12:00:00Z""#
            ),
            (
                "2026-03-01T24:00:00Z",
                #"a time of day must be 00:00 to 23:59, in "2026-03-01T24:00:00Z""#
            ),
            (
                "2026-03-01T12:60:00Z",
                #"a time of day must be 00:00 to 23:59, in "2026-03-01T12:60:00Z""#
            ),
            ("2016-12-31T23:59:60Z", leap + #""2016-12-31T23:59:60Z""#),
            (
                "2026-03-01T12:00:00.1234567890Z",
                #"seconds must have at most 9 decimals, in "2026-03-01T12:00:00.1234567890Z""#
            ),
            (
                "2026-03-01T12:00:00+24:00",
                #"an offset must be 00:00 to 23:59, in "2026-03-01T12:00:00+24:00""#
            ),
            (
                "1969-12-31T23:59:59.999999999Z",
                "a time must lie in the years 1970 to 2261, not "
                    + #""1969-12-31T23:59:59.999999999Z""#
            ),
            (
                "2262-01-01T00:00:00Z",
                #"a time must lie in the years 1970 to 2261, not "2262-01-01T00:00:00Z""#
            ),
            (
                "9999-12-31T23:59:59-23:59",
                #"a time must lie in the years 1970 to 2261, not "9999-12-31T23:59:59-23:59""#
            ),
            (
                "0000-01-01T00:00:00+23:59",
                #"a time must lie in the years 1970 to 2261, not "0000-01-01T00:00:00+23:59""#
            ),
        ])
    func refuses(text: String, reason: String) {
        #expect(throws: MalformedValue(reason)) { try Timestamp(rfc3339: text) }
    }
}
