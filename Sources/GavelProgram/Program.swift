// What every program of the house does around its commands: signals, running the command that was
// asked for, one line for an error, the exit code.

package import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

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
