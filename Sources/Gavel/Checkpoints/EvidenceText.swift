// Reading the texts of evidence line by line, as bytes: the texts are what is signed and hashed,
// and Swift's characters know more kinds of equality and of line ends than bytes do.
//
// Invariants: nothing is read beyond the end; a line ends with U+000A, also the last one.

internal import Platform

/// Lines of a text, one after the other.
struct LineReader {
    /// What is read, for messages: "a checkpoint".
    let what: String
    private let bytes: [UInt8]
    /// Where the next line begins.
    private(set) var offset: Int

    init(_ what: String, _ bytes: [UInt8]) {
        self.what = what
        self.bytes = bytes
        offset = 0
    }

    var isAtEnd: Bool { offset == bytes.count }

    /// All bytes from the next line on.
    var rest: [UInt8] { Array(bytes[offset...]) }

    /// The next line without its end.
    /// - Throws: `malformed` when there is none, or when it does not end.
    mutating func line() throws(EvidenceError) -> ArraySlice<UInt8> {
        guard let end = bytes[offset...].firstIndex(of: 0x0A) else {
            throw .malformed("\(what) ends in the middle")
        }
        defer { offset = end + 1 }
        return bytes[offset..<end]
    }

    /// The lines up to an empty one or the end, with their ends.
    mutating func paragraph() throws(EvidenceError) -> [UInt8] {
        let start = offset
        while !isAtEnd {
            let lineStart = offset
            if try line().isEmpty { return Array(bytes[start..<lineStart]) }
        }
        return Array(bytes[start...])
    }

    /// What stands behind a word and a space; nil, and nothing is read, where the next line
    /// begins otherwise.
    mutating func value(after word: String) throws(EvidenceError) -> ArraySlice<UInt8>? {
        let start = offset
        let line = try line()
        guard line.starts(with: "\(word) ".utf8) else {
            offset = start
            return nil
        }
        return line.dropFirst(word.utf8.count + 1)
    }

    /// The number behind a word and a space.
    mutating func number(after word: String) throws(EvidenceError) -> UInt64 {
        guard let digits = try value(after: word), let number = UInt64(evidence: digits) else {
            throw .malformed("\(what) lacks its line `\(word) NUMBER`")
        }
        return number
    }

    /// Lines of one hash each, up to and with an empty line.
    mutating func hashes() throws(EvidenceError) -> [LedgerHash] {
        var hashes: [LedgerHash] = []
        while true {
            let line = try line()
            if line.isEmpty { return hashes }
            try checkProofLength(hashes.count + 1)
            guard let hash = LedgerHash(base64: line) else {
                throw .malformed("\(what) holds a line that is no hash in base64")
            }
            hashes.append(hash)
        }
    }
}

/// More hashes than a proof in a tree of 2⁶⁴ leaves can have: no more are read or written.
let proofHashesMax = 128

/// Checks how many hashes a proof has, where it is made and where it is read.
/// - Throws: `malformed` when they are too many.
func checkProofLength(_ count: Int) throws(EvidenceError) {
    guard count <= proofHashesMax else {
        throw .malformed("a proof has at most \(proofHashesMax) hashes, not \(count)")
    }
}

extension UInt64 {
    /// A decimal number without sign and leading zeros.
    init?(evidence digits: ArraySlice<UInt8>) {
        guard let first = digits.first, first != 0x30 || digits.count == 1 else { return nil }
        self = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            let (product, tooLarge) = multipliedReportingOverflow(by: 10)
            let (sum, tooLargeToo) = product.addingReportingOverflow(UInt64(digit) - 0x30)
            guard !tooLarge, !tooLargeToo else { return nil }
            self = sum
        }
    }
}

extension LedgerHash {
    /// A hash from its 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self = withBytes(of: bytes) { LedgerHash($0, at: 0) }
    }

    /// A hash from its 44 characters of base64.
    init?(base64 text: ArraySlice<UInt8>) {
        guard text.count == 44, let bytes = Base64.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    /// A hash from its 44 characters of base64, as evidence writes it; nil for anything else.
    public init?(base64 text: String) { self.init(base64: Array(text.utf8)[...]) }

    /// The 32 bytes as base64, as evidence writes them.
    public var base64: String { Base64.encode(bytes) }
}

/// The text in a run of bytes that came from outside.
/// - Throws: `malformed` unless it is UTF-8.
func validText(_ bytes: some Collection<UInt8>, _ what: String) throws(EvidenceError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw .malformed("\(what) is not UTF-8")
    }
    return text
}

/// Whether two texts are the same bytes: `==` would take other spellings of a character for it.
func isSame(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
