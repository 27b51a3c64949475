// `gavel audit verify`: everything the log says, derived again and compared.

import ArgumentParser
import Gavel
import GavelJSON

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify a ledger in full.",
        discussion: """
              gavel audit verify --ledger house
              gavel audit verify --ledger house --json

            Ends with 0 when all of it was read and nothing was found, with 1 when something was \
            found, and with 3 when damage kept it from reading to the end: what lies behind was \
            not seen. Works beside a writer.
            """)

    @OptionGroup var ledger: LedgerOption

    @Option(help: ArgumentHelp("How much is verified: full.", valueName: "level"))
    var level = "full"

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    func validate() throws {
        guard level == "full" else {
            throw ValidationError(
                "--level must be full, not '\(level)': this version always verifies everything.")
        }
    }

    func run() throws {
        let report = try verifyLedger(at: ledger.path)
        try withOutput { output in
            if json {
                printJSON(report, on: output)
            } else {
                printReport(report, on: output)
            }
        }
        if let status = report.failureStatus { throw Failure(status) }
    }

    private func printJSON(_ report: VerificationReport, on output: Output) {
        var writer = JSONWriter()
        writer.object { object in
            object.field("ledger", ledger.path)
            object.field("level", level)
            object.field("clean", report.isClean)
            object.field("complete", report.isComplete)
            object.field("entries", report.entries)
            object.field("frames", report.frames)
            object.field("root", report.root.description)
            object.field("digest", report.digest.description)
            object.name("covered")
            object.array { array in
                for what in report.covered { array.value(what) }
            }
            object.name("findings")
            object.array { array in
                for finding in report.findings {
                    array.object { object in
                        object.field("position", finding.position)
                        object.field("what", finding.what)
                    }
                }
            }
        }
        writer.newline()
        output.write(writer.bytes)
    }
}

/// Verifies with progress on a terminal.
func verifyLedger(at path: String) throws -> VerificationReport {
    var progress = Progress("verifying")
    defer { progress.clear() }
    return try Verifier.verify(at: path) { progress.show($0, of: $1) }
}

/// Prints a report for people.
func printReport(_ report: VerificationReport, on output: Output) {
    var fields: [(name: String, value: String?)] = []
    for (index, what) in report.covered.enumerated() {
        fields.append((index == 0 ? "covered" : "", what))
    }
    for (index, finding) in report.findings.enumerated() {
        fields.append((index == 0 ? "findings" : "", finding.description))
    }
    fields += [
        ("entries", String(report.entries)),
        ("root", report.root.description),
        ("digest", report.digest.description),
        ("result", report.result),
    ]
    printFields(fields, on: output)
}

extension VerificationReport {
    fileprivate var result: String {
        if isClean { return "clean" }
        let found = counted(findings.count, "finding")
        return isComplete ? found : "incomplete, \(found)"
    }

    /// How a command ends because of the report; nil when it is clean.
    var failureStatus: ExitStatus? {
        if isClean { return nil }
        // Incomplete is the worse: a finding says what is wrong, and here nobody knows.
        return isComplete ? .finding : .stopped
    }
}
