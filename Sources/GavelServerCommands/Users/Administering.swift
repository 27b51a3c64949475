// What the administrator's commands have in common: the options, where a password comes from, and
// how they end.
//
// Invariants: standard output holds only what was asked for; exit codes are those of `gavel`: 0
// done, 1 refused by the state of the accounts, 2 wrong usage or an unknown name, 4 the ledger
// cannot be opened; a password is never an argument, which every user of the machine could read.

import ArgumentParser
import Foundation
import Gavel
import GavelHTTP
import GavelProgram
import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Options of all of these commands.
struct AdministrationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The ledger's folder.", valueName: "dir"))
    var ledger: String

    /// Runs `body` on the accounts.
    /// - Parameters:
    ///   - usesLedger: whether the ledger itself is needed.
    ///   - creates: whether it is made where there is none.
    func administer(
        usesLedger: Bool = false, creates: Bool = false, passwordCostLog2: Int? = nil,
        _ body: (AccountAdministration) async throws -> Void
    ) async throws {
        var options = ServiceOptions()
        if let passwordCostLog2 { options.passwordCostLog2 = passwordCostLog2 }
        try await AccountAdministration.with(
            ledger: try folderPath(ledger), usesLedger: usesLedger, creates: creates,
            options: options,
            logger: Logger(label: "gavel-server") { _ in SwiftLogNoOpLogHandler() }, body)
    }
}

/// Where a password comes from.
struct PasswordOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read the password from the first line of this file instead of standard input.",
            valueName: "file"))
    var passwordFile: String?

    @Option(
        help: ArgumentHelp(
            "The cost of the password's hash as a power of two, 10 to 20.", valueName: "n"))
    var passwordCost = ServiceOptions().passwordCostLog2

    func validate() throws {
        guard (10...20).contains(passwordCost) else {
            throw ValidationError("--password-cost must be 10 to 20, not \(passwordCost).")
        }
    }

    /// Reads the password.
    func read() throws -> String {
        guard let passwordFile else { return readFromInput() }
        guard let text = try? String(contentsOfFile: passwordFile, encoding: .utf8) else {
            throw AdministrationError(reason: "\(passwordFile) cannot be read")
        }
        return text.split(separator: "\n", omittingEmptySubsequences: false).first.map {
            String($0.last == "\r" ? $0.dropLast() : $0)
        } ?? ""
    }

    /// Reads a line; on a terminal asks for it, and does not show it.
    private func readFromInput() -> String {
        guard isatty(STDIN_FILENO) == 1 else { return readLine() ?? "" }
        FileHandle.standardError.write(Data("Password: ".utf8))
        var settings = termios()
        tcgetattr(STDIN_FILENO, &settings)
        let shown = settings
        settings.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        defer {
            var shown = shown
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        return readLine() ?? ""
    }
}
