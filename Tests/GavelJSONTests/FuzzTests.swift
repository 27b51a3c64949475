// Hostile bytes: whatever comes in, the parser answers and never traps, and what it takes it
// takes exactly. Seeds are fixed; a failing case repeats.

import AuctionDomain
import GavelJSON
import Testing

@Suite("Hostile input")
struct FuzzTests {
    /// The lines that mutations start from.
    private static let lines: [[UInt8]] = commandSamples.map { sample in
        Array(
            encodeCommand(
                sample.command, id: CommandID(milliseconds: 1, randomHigh: 2, randomLow: 3),
                by: .user("operator"), at: .max
            ).utf8)
    }

    /// Bytes that mean something to the reader, so that mutations reach deep.
    private static let telling =
        Array(#"{}[]",:\u0d8aeE+-.19tfn/ "#.utf8) + [0x00, 0x0A, 0x80, 0xFF]

    /// Parses; what is taken must come out again as the same command.
    /// - Returns: whether the line was taken.
    private func takes(_ line: [UInt8]) -> Bool {
        guard let parsed = try? parseCommand(line, allowing: .history) else { return false }
        let again = encodeCommand(
            parsed.command, id: parsed.id, by: parsed.actor, at: parsed.at)
        if (try? parseCommand(again, allowing: .history)) != parsed {
            Issue.record("\(String(decoding: line, as: UTF8.self)) became \(again)")
        }
        return true
    }

    private func mutate(_ line: inout [UInt8], using generator: inout SeededGenerator) {
        guard !line.isEmpty else { return }
        let place = Int.random(in: 0..<line.count, using: &generator)
        let byte = Self.telling.randomElement(using: &generator) ?? 0
        switch Int.random(in: 0..<7, using: &generator) {
        case 0: line[place] = byte
        case 1: line[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: line.remove(at: place)
        case 3: line.insert(byte, at: place)
        case 4: line.removeSubrange(place...)
        case 5:
            let end = Int.random(in: place..<line.count, using: &generator)
            line.insert(contentsOf: Array(line[place..<end]), at: place)
        default:
            let other = Self.lines.randomElement(using: &generator) ?? []
            line.replaceSubrange(place..., with: other.suffix(line.count - place))
        }
    }

    @Test("mutations of valid lines are taken exactly or refused, and never trap")
    func mutations() {
        var generator = SeededGenerator(seed: 2026)
        var taken = 0
        var refused = 0
        for round in 0..<12_000 {
            var line = Self.lines[round % Self.lines.count]
            for _ in 0...Int.random(in: 0..<4, using: &generator) {
                mutate(&line, using: &generator)
            }
            if takes(line) { taken += 1 } else { refused += 1 }
        }
        // Both must happen often, or the mutations test nothing.
        #expect(taken > 200)
        #expect(refused > 6_000)
    }

    @Test("random bytes are refused and never trap")
    func randomBytes() {
        var generator = SeededGenerator(seed: 7)
        for round in 0..<8_000 {
            let count = Int.random(in: 0..<80, using: &generator)
            let line: [UInt8] = (0..<count).map { _ in
                round % 2 == 0
                    ? UInt8.random(in: .min ... .max, using: &generator)
                    : Self.telling.randomElement(using: &generator) ?? 0
            }
            if takes(line) { Issue.record("taken: \(line)") }
        }
    }

    @Test("every beginning of a valid line is refused, and only the whole line is taken")
    func beginnings() {
        for line in Self.lines {
            for count in 0..<line.count where takes(Array(line[..<count])) {
                Issue.record("taken: \(String(decoding: line[..<count], as: UTF8.self))")
            }
            #expect(takes(line))
        }
    }

    @Test("random texts of the form of a time are read exactly or refused, and never trap")
    func times() {
        var generator = SeededGenerator(seed: 99)
        let pattern = Array("2026-02-28T23:59:59.123456789+01:00".utf8)
        let bytes = Array("0123456789-:.TZ+".utf8)
        var read = 0
        for _ in 0..<20_000 {
            var text = pattern
            for _ in 0...Int.random(in: 0..<3, using: &generator) {
                let place = Int.random(in: 0..<text.count, using: &generator)
                text[place] = bytes.randomElement(using: &generator) ?? 0
            }
            guard let time = try? Timestamp(rfc3339: String(decoding: text, as: UTF8.self)) else {
                continue
            }
            read += 1
            #expect(time.isInRange)
            #expect((try? Timestamp(rfc3339: time.rfc3339)) == time)
        }
        #expect(read > 1_000)
    }

    @Test("a line of very many fields or brackets costs linear time")
    func hostileSizes() {
        let fields = (0..<5_000).map { #""f\#($0)":0"# }.joined(separator: ",")
        let error = #expect(throws: CommandError.self) {
            try parseCommand(#"{"command":"register_user","user":"a",\#(fields)}"#)
        }
        #expect(error?.reason.hasPrefix(#"unknown field "f0" in register_user"#) == true)
        let brackets = String(repeating: "[", count: 60_000)
        #expect(
            throws: CommandError("found nesting deeper than 32 levels", column: 33)
        ) { try parseCommand(brackets) }
    }
}
