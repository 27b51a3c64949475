// Text as people see it: on a terminal, in a table, in a cell of a spreadsheet, on a page.
//
// Invariant: whatever callers wrote into titles, reasons and references, nothing that comes out of
// here moves a cursor, ends a line or turns the reading direction; what scripts and emoji need to
// be read stays.

/// Text without control characters. What is taken out leaves U+FFFD behind.
///
/// Joiners stay, without which Persian, Hindi and families of emoji fall apart, and so do the
/// other format characters that a reader sees the effect of in the text itself.
/// - Complexity: O(bytes); ASCII comes back as it is.
package func printable(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    if isPlain { return text }
    var scalars = String.UnicodeScalarView()
    /// Whether a flag is being spelled: a black flag and tag characters, as in that of Wales.
    var isInFlag = false
    for scalar in text.unicodeScalars {
        isInFlag = scalar.value == 0x1F3F4 || isInFlag && scalar.isTag
        scalars.append(scalar.isPrintable || isInFlag ? scalar : "\u{FFFD}")
    }
    return String(scalars)
}

extension Unicode.Scalar {
    fileprivate var isTag: Bool { (0xE0020...0xE007F).contains(value) }

    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: false
        case .format: isPartOfWriting
        default: true
        }
    }

    /// Of the format characters those that writing needs. All others are invisible, and some of
    /// them turn the direction of what follows (Unicode Standard Annex 9).
    private var isPartOfWriting: Bool {
        switch value {
        // Joiners, and where a word may be broken or must not be.
        case 0x200B...0x200D, 0x2060, 0x00AD: true
        // Signs before numbers in Arabic, Syriac and Kaithi, which are seen.
        case 0x0600...0x0605, 0x06DD, 0x070F, 0x0890...0x0891, 0x08E2, 0x110BD, 0x110CD: true
        default: false
        }
    }
}
