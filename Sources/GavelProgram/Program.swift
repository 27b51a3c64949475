// What every program of the house does around its commands: signals, running the command that was
// asked for, one line for an error, the exit code.

package import ArgumentParser
import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Below this many files that may be open at once nothing is begun: Dispatch, which runs every
/// thread here, needs half of them and ends the process where it cannot have one.
private let openFilesMin = 16

/// Runs a program from its first moment on.
package func startProgram(
    _ name: String, _ body: @escaping @MainActor @Sendable () async -> Void
) -> Never {
    let openFiles = raiseOpenFilesMax()
    if openFiles < openFilesMin {
        printError(
            "at most \(openFiles) files may be open at once (ulimit -n), and \(openFilesMin) are "
                + "needed: Too many open files", by: name)
        leave(.unusable)
    }
    Task { @MainActor in
        await body()
        leave(.done)
    }
    dispatchMain()
}

/// Lets the process open as many files as the system allows it.
/// - Returns: how many that are.
package func raiseOpenFilesMax() -> Int {
    var limit = rlimit()
    #if canImport(Glibc)
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
        let files = RLIMIT_NOFILE
    #endif
    guard getrlimit(files, &limit) == 0 else { return 0 }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(files, &limit)
    _ = getrlimit(files, &limit)
    return Int(clamping: limit.rlim_cur)
}

extension AsyncParsableCommand {
    /// Runs the command that the command line names, and ends the process where it fails. It takes
    /// the place of ArgumentParser's own `main`, whose exit codes are not ours.
    /// - Parameter failure: what an error means that is no `Failure`.
    package static func runProgram(_ failure: (any Error) -> Failure) async {
        turnSignalsIntoErrors()
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch is OutputClosed {
            // Whoever read us has seen enough: `gavel log | head` is no mistake.
            leave(.done)
        } catch  where exitCode(for: error) == .success {
            // `--help` and `--version` travel as errors too.
            printOutput(fullMessage(for: error))
            leave(.done)
        } catch {
            let failure = (error as? Failure) ?? failure(error)
            if let message = failure.message {
                printError(message, by: configuration.commandName ?? "gavel")
            }
            leave(failure.status)
        }
    }
}

/// Makes a write to a closed pipe fail with EPIPE, and one beyond the limit on the length of files
/// (`ulimit -f`) with EFBIG, instead of killing the process.
private func turnSignalsIntoErrors() {
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGXFSZ, SIG_IGN)
}

/// Writes a line to standard output at once; one that nobody reads is no error.
package func printOutput(_ line: String) {
    let output = Output()
    output.write(line + "\n")
    try? output.flush()
}
