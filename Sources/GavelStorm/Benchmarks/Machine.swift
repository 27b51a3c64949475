// What a benchmark costs the machine: processor time and memory of this process.

import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Readings of this process and its machine.
enum Machine {
    /// User and system time of all threads so far, in nanoseconds.
    static var cpuNanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// How many processors may run threads.
    static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Memory that is not a file's, in bytes; nil where the system does not tell.
    static var anonymousBytes: Int? { statusBytes("RssAnon:") }

    /// The most memory held at once, pages of mapped files included.
    static var peakBytes: Int? { statusBytes("VmHWM:") }

    private static func statusBytes(_ name: String) -> Int? {
        guard let status = try? FileSystem.readFile("/proc/self/status") else { return nil }
        let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return nil }
        return Int(line.filter(\.isNumber)).map { $0 * 1_024 }
    }

    /// The processor's name, where the system tells.
    static var processor: String? {
        guard let text = try? FileSystem.readFile("/proc/cpuinfo") else { return nil }
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix("model name") }?
            .split(separator: ":", maxSplits: 1).last
            .map { String($0.drop { $0 == " " }) }
    }
}
