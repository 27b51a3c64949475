// Where benchmarks make their ledgers.

import Platform

/// Lends a fresh folder and removes it afterwards, with all that is in it.
/// - Parameter folder: where to make it; nil makes it where temporary files are.
package func withBenchmarkFolder<R>(
    in folder: String?, _ body: (String) async throws -> R
) async throws -> R {
    let base: String
    if let folder {
        // A name of its own: whatever else is in the folder stays.
        var number = 1
        while FileSystem.exists("\(folder)/gavel-benchmark-\(number)") { number += 1 }
        base = "\(folder)/gavel-benchmark-\(number)"
        try FileSystem.createDirectory(base)
    } else {
        base = try FileSystem.temporaryDirectory("gavel-benchmark-")
    }
    defer { try? FileSystem.remove(base) }
    return try await body(base)
}
