// What the machine says of its clocks, besides the time.

internal import CPlatform

/// The machine's clocks.
public enum MachineClock {
    /// Whether the kernel says that a time server keeps the wall clock (adjtimex(2)); nil where it
    /// does not say.
    public static var isSynchronized: Bool? {
        switch cplatform_clock_is_synchronized() {
        case 0: false
        case 1: true
        default: nil
        }
    }

    /// 16 bytes that are drawn anew whenever the machine starts (random(4), boot_id); nil where the
    /// system has none.
    public static let bootID: [UInt8]? = {
        guard
            let text = try? FileSystem.readPrefix(
                "/proc/sys/kernel/random/boot_id", byteCount: 36)
        else { return nil }
        var digits: [UInt8] = []
        for byte in text where byte != UInt8(ascii: "-") {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digits.append(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        guard digits.count == 32 else { return nil }
        return stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }()
}
