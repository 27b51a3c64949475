// What can be chosen, where it may be said, and what is wrong with it.

import ArgumentParser
import Foundation
import Gavel
import GavelProgram
import Testing

@testable import GavelHTTP
@testable import GavelServerCommands

@Suite("Settings")
struct SettingTests {
    /// A value for a setting that is not its default.
    private static func other(_ setting: Setting) -> String {
        switch setting.kind {
        case .text, .optionalText: "elsewhere"
        case .word(_, let words): words.last!
        case .integer(let place, let range):
            String(
                Settings()[keyPath: place] == range.lowerBound
                    ? range.lowerBound + 1 : range.lowerBound)
        case .number(let place, let range):
            Settings()[keyPath: place] == range.upperBound ? "1" : String(Int(range.upperBound))
        case .flag(let place): String(!Settings()[keyPath: place])
        }
    }

    @Test("Every setting has a flag and a variable, and both take it", arguments: Setting.all)
    func both(_ setting: Setting) throws {
        let value = Self.other(setting)
        let byVariable = try Choice(flags: [:], variables: [setting.variable]) {
            $0 == setting.variable ? value : nil
        }
        let source = "environment \(setting.variable)"
        #expect(byVariable.lines.contains("\(setting.name)=\(value) (\(source))"))
        #expect(
            byVariable.lines.filter { $0.hasSuffix("(default)") }.count == Setting.all.count - 1)

        let isFlag = if case .flag = setting.kind { true } else { false }
        let arguments =
            isFlag
            ? [value == "true" ? setting.flag : "--no-\(setting.name)"] : [setting.flag, value]
        let command = try #require(try ServerCommand.parseAsRoot(arguments) as? ServeCommand)
        #expect(command.given == [setting.name: value])
        // The command line wins.
        let byFlag = try Choice(flags: command.given, variables: [setting.variable]) {
            guard $0 == setting.variable else { return nil }
            Issue.record("a variable was asked for beside a flag")
            return nil
        }
        let given = "\(setting.name)=\(value) (flag \(setting.flag(of: value)))"
        #expect(byFlag.lines.contains(given))
    }

    @Test("Every number that a setting takes is one that opening takes", arguments: Setting.all)
    func ranges(_ setting: Setting) throws {
        func check(_ change: (inout Settings) -> Void) throws {
            var settings = Settings()
            change(&settings)
            try settings.engine.check()
            try settings.service.check()
        }
        switch setting.kind {
        case .integer(let place, let range):
            for value in [range.lowerBound, range.upperBound] {
                try check { $0[keyPath: place] = value }
            }
        case .number(let place, let range):
            for value in [range.lowerBound, range.upperBound] {
                try check { $0[keyPath: place] = value }
            }
        case .text, .optionalText, .word, .flag: break
        }
    }

    @Test("Every number of the service's options has a range, and what lies outside is an error")
    func options() async throws {
        let fields = Mirror(reflecting: ServiceOptions()).children
            .filter { $0.value is Int || $0.value is Double || $0.value is Duration }
            .compactMap(\.label)
        #expect(fields.count > 25)
        #expect(ServiceOptions.rules.map(\.name).sorted() == fields.sorted())
        let changes: [(String, (inout ServiceOptions) -> Void)] = [
            ("port is 65536, and must be from 0 to 65535", { $0.port = 65_536 }),
            ("passwordCostLog2 is 99, and must be from 1 to 20", { $0.passwordCostLog2 = 99 }),
            ("callsPerSecondByUser is nan", { $0.callsPerSecondByUser = .nan }),
            ("callsBurst is inf", { $0.callsBurst = .infinity }),
            ("rejectionsPerMinute is -1.0", { $0.rejectionsPerMinute = -1 }),
            ("idleTime is -1.0 seconds", { $0.idleTime = .seconds(-1) }),
            ("tokenKeyDays is \(Int.max)", { $0.tokenKeyDays = .max }),
        ]
        for (reason, change) in changes {
            var options = ServiceOptions()
            change(&options)
            let error = #expect(throws: LedgerError.self) { try options.check() }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.reason.hasPrefix(reason) == true, "\(error?.reason ?? "")")
        }
    }

    @Test("A value that does not fit names the setting, what was found and what was expected")
    func malformed() throws {
        func message(_ name: String, _ text: String) -> String? {
            do {
                _ = try Choice(flags: [name: text], variables: []) { _ in nil }
                return nil
            } catch { return (error as? Failure)?.message }
        }
        #expect(
            message("port", "80x")
                == "flag --port: expected a whole number from 0 to 65535, not \"80x\"")
        #expect(message("port", "65536") != nil)
        #expect(message("idle-seconds", "nan") != nil)
        #expect(message("log-level", "loud")?.contains("trace, debug, info") == true)
        #expect(message("hold-closings", "yes")?.contains("true or false") == true)
        #expect(
            message("ledger", "") == "flag --ledger: expected text that is not empty, not \"\"")
        #expect(message("checkpoint-copy", "") == nil)
    }

    @Test("The command refuses unknown variables and flags, and prints what is chosen, no more")
    func command() async throws {
        let printed = try await ServerProcess.run(
            ["--port", "8090", "--print-config", "--no-create-ledger"],
            environment: ["GAVEL_LEDGER": "/somewhere", "PATH": "/bin"])
        #expect(printed.status == 0)
        #expect(printed.error == "")
        let lines = printed.output.split(separator: "\n")
        #expect(lines.count == Setting.all.count)
        #expect(lines[0] == "ledger=/somewhere (environment GAVEL_LEDGER)")
        #expect(lines.contains("port=8090 (flag --port)"))
        #expect(lines.contains("create-ledger=false (flag --no-create-ledger)"))
        #expect(lines.contains("operations-port=8081 (default)"))

        let unknown = try await ServerProcess.run(
            ["--print-config"], environment: ["GAVEL_PROT": "1"])
        #expect(unknown.status == 2)
        #expect(unknown.output == "")
        #expect(
            unknown.error.hasPrefix(
                "gavel-server: unknown environment variable GAVEL_PROT, expected one of GAVEL_"))
        let flag = try await ServerProcess.run(["--prot", "1"])
        #expect(flag.status == 2)
        let missing = try await ServerProcess.run([])
        #expect(missing.status == 2)
        #expect(missing.error.contains("missing --ledger"))
        let help = try await ServerProcess.run(["serve", "--help"])
        #expect(help.status == 0)
        for setting in Setting.all { #expect(help.output.contains(setting.flag)) }
    }

    @Test("The documentation lists every setting with its variable, default and meaning")
    func documented() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let article = try String(
            contentsOf: root.appending(path: "Sources/Gavel/Gavel.docc/Service.md"),
            encoding: .utf8)
        for setting in Setting.all {
            let standard = setting.value(in: Settings())
            let row =
                "| `\(setting.flag)` | `\(setting.variable)` | "
                + (standard.isEmpty ? "" : "`\(standard)`") + " | \(setting.help) |"
            #expect(article.contains(row), "expected the row \(row)")
        }
    }
}
