// What messages advise: every command line in them is whole, and does what it is advised for when
// it is run as it was printed. Ledgers lose their key, their checkpoint, or both, in every way.

import ArgumentParser
import Foundation
import Platform
import Testing

@testable import Gavel
@testable import GavelCommands

/// The names of commands, of those under `audit` with that.
private let commandNames: Set<String> = {
    func names(_ command: any ParsableCommand.Type) -> [String] {
        command.configuration.subcommands.flatMap { sub -> [String] in
            let name = sub.configuration.commandName ?? ""
            return [name] + names(sub).map { "\(name) \($0)" }
        }
    }
    return Set(names(GavelCommand.self))
}()

@Suite("Advised commands")
struct AdvisedCommandTests {
    private let place: Workspace

    init() async throws {
        place = try await workspaceOfFourUsers()
        // Whoever writes to it dates its checkpoints, and keeps them.
        #expect(try await register("first").status == 0)
        try await place.writeKey(of: "house")
    }

    private func register(_ user: String) async throws -> Run {
        try await place.run(
            "submit", "--ledger", "house",
            input: #"{"command":"register_user","user":"\#(user)"}"# + "\n")
    }

    /// Runs a line as a shell does.
    private func shell(_ line: String) async throws -> Run {
        let gavel = "gavel() { '\(gavelURL.path)' \"$@\"; }"
        return try await place.run(
            URL(filePath: "/bin/sh"), ["-c", "cd '\(place.path)'; \(gavel); \(line)"])
    }

    private func remove(_ names: String...) throws {
        for name in names where place.exists("house/\(name)") {
            try FileManager.default.removeItem(at: place.url("house/\(name)"))
        }
    }

    /// Puts something that is no file of its sort in the place of a file.
    private func damage(_ name: String, _ how: Damage) throws {
        let bytes = try Data(contentsOf: place.url("house/\(name)"))
        try remove(name)
        switch how {
        case .emptied: try place.write("", to: "house/\(name)")
        case .garbage: try place.write("hello\n", to: "house/\(name)")
        case .cut: try bytes.prefix(bytes.count / 2).write(to: place.url("house/\(name)"))
        case .folder:
            try FileManager.default.createDirectory(
                at: place.url("house/\(name)"), withIntermediateDirectories: false)
        }
    }

    private enum Damage: CaseIterable { case emptied, garbage, cut, folder }

    // MARK: Whole commands

    @Test("Every command that is advised is one that the argument parser takes, for any path")
    func parsed() throws {
        for path in ["house", "/mnt/a b/it's", "-x", "Über;rm $HOME"] {
            let files = AdvisedCommand.Files(path, key: path, checkpoint: path)
            for command in AdvisedCommand.allCases {
                for files in [files, AdvisedCommand.Files(path), AdvisedCommand.Files()] {
                    let line = command.line(files)
                    let words = try shellWords(line)
                    #expect(words.first == "gavel", "\(line)")
                    #expect(throws: Never.self, "\(line)") {
                        _ = try GavelCommand.parseAsRoot(Array(words.dropFirst()))
                    }
                }
            }
        }
    }

    /// The words of a line's first command, as the shell makes them.
    private func shellWords(_ line: String) throws -> [String] {
        let process = Process()
        let command = line.components(separatedBy: " > ")[0].components(separatedBy: " < ")[0]
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "printf '%s\\n' \(command)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("No message names a command that is not whole")
    func wholeInSources() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources").standardized
        let files = try #require(
            FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var found = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            for command in commands(in: try String(contentsOf: file, encoding: .utf8)) {
                found += 1
                #expect(throws: Never.self, "\(file.lastPathComponent): gavel \(command)") {
                    _ = try GavelCommand.parseAsRoot(
                        command.split(separator: " ").map(String.init))
                }
            }
        }
        #expect(found > 10)
        // It would be seen.
        #expect(commands(in: #"f("by gavel rebuild " + "makes it")"#) == ["rebuild makes it"])
    }

    /// The command lines in string literals of a source, with a number for each interpolation. One
    /// in backquotes is a name and no advice, and so is none of the help's text.
    private func commands(in source: String) -> [String] {
        let code = source.replacing(/(?s)""".*?"""/, with: "")
            .split(separator: "\n").filter { line in
                // Neither a comment nor the label of a derived secret is a message.
                let text = line.drop { $0 == " " }
                return !text.hasPrefix("//") && !text.hasPrefix("case ")
            }
            .joined(separator: "\n")
            .replacing(/"\s*\n?\s*\+ "/, with: "")
            .replacing(/\\\([^()]*(\([^()]*\))?[^()]*\)/, with: "7")
            .replacing(/`[^`"\n]*`/, with: "").replacing("POSITION", with: "7")
        return code.matches(of: /\bgavel ([a-z][^"(),;:\n]*)/).map { String($0.1) }
            .filter { text in
                let words = text.split(separator: " ").prefix(2).map(String.init)
                return commandNames.contains(words.joined(separator: " "))
                    || commandNames.contains(words[0]) && words[0] != "audit"
            }
    }

    // MARK: A lost or damaged checkpoint

    @Test(
        "A checkpoint that is missing or none is put back by the command that every refusal gives",
        arguments: [nil] + Damage.allCases.map(Optional.some), [true, false])
    private func checkpoint(how: Damage?, hasKey: Bool) async throws {
        let newest = try Data(contentsOf: place.url("house/checkpoint"))
        if let how { try damage("checkpoint", how) } else { try remove("checkpoint") }
        if !hasKey { try remove("key") }
        let line =
            "gavel audit checkpoints --newest --ledger house \(hasKey ? "" : "--key FILE ")"
            + "> house.newest && mv house.newest house/checkpoint"
        var refusals = [try await register("more")]
        for arguments in [["checkpoint"], ["prove", "3"], ["export-tiles", "tiles"]] {
            refusals.append(try await place.run(["audit"] + arguments + ["--ledger", "house"]))
        }
        for run in refusals {
            #expect(run.status != 0 && run.output == "")
            #expect(run.errors.contains(line), "\(run.errors)")
            #expect(run.errors.contains("gavel restore house --ledger NEW --without-checkpoint"))
            #expect(!run.errors.contains(" yet"))
            if how == nil { #expect(run.errors.contains("has entries and no checkpoint")) }
        }
        // Those that are kept are listed all the same.
        let list = try await place.run(
            "audit", "checkpoints", "--ledger", "house", "--key", "house.vkey")
        #expect(list.status == (how == nil ? 0 : 1) && list.output.contains("yes"))
        if !hasKey {
            let unknown = try await place.run(
                "audit", "checkpoints", "--newest", "--ledger", "house")
            #expect(unknown.status == 1 && unknown.errors.contains("--key FILE"))
        }
        if how == .folder { try remove("checkpoint") }
        let put = try await shell(line.replacing("FILE", with: "house.vkey"))
        #expect(put.status == 0, "\(put.errors)")
        #expect(try Data(contentsOf: place.url("house/checkpoint")) == newest)
        if hasKey { #expect(try await register("more").status == 0) }
    }

    @Test("A shell that empties the checkpoint before the command begins does no harm")
    func emptiedByShell() async throws {
        let newest = try Data(contentsOf: place.url("house/checkpoint"))
        try remove("checkpoint")
        let put = try await shell(
            "gavel audit checkpoints --newest --ledger house > house/checkpoint")
        #expect(put.status == 0, "\(put.errors)")
        #expect(try Data(contentsOf: place.url("house/checkpoint")) == newest)
    }

    @Test("Where no kept checkpoint is left or can be read, that is said")
    func damagedKept() async throws {
        try place.write("hello\n", to: "house/checkpoints/kept")
        let warned = try await place.run("audit", "checkpoints", "--newest", "--ledger", "house")
        #expect(
            warned.status == 0 && warned.errors.contains("some of house/checkpoints/kept is no"))
        try remove("checkpoint")
        let none = try await place.run("audit", "checkpoints", "--newest", "--ledger", "house")
        #expect(none.status == 1 && none.errors.contains("some of house/checkpoints/kept is no"))
    }

    @Test("A damaged file of kept checkpoints stays a remark of every verification, once set aside")
    func setAside() async throws {
        for number in 1...2 {
            try place.write("hello \(number)\n", to: "house/checkpoints/kept")
            #expect(try await place.run("audit", "verify", "--ledger", "house").status == 1)
            let written = try await register("more-\(number)")
            let aside = "house/checkpoints/kept.damaged-\(number)"
            #expect(written.status == 0 && written.errors.contains(aside), "\(written.errors)")
            #expect(try place.text(aside) == "hello \(number)\n")
            for level in ["heads", "records", "full"] {
                let run = try await place.run(
                    "audit", "verify", "--ledger", "house", "--level", level)
                #expect(run.status == 0 && run.output.contains(aside), "\(run.output)")
            }
        }
        #expect(try place.text("house/checkpoints/kept.damaged-1") == "hello 1\n")
    }

    @Test("An archive without a checkpoint over all of it comes with a warning")
    func archive() async throws {
        func archive() async throws -> Run {
            try await shell("gavel export --ledger house --format archive > house.archive")
        }
        let sound = try await archive()
        #expect(sound.status == 0 && sound.errors == "", "\(sound.errors)")
        try remove("checkpoint")
        let bare = try await archive()
        #expect(bare.status == 0 && bare.errors.contains("ends without a checkpoint"))
    }

    // MARK: A lost or damaged key

    @Test(
        "A key that is none is refused with what to do, and another one goes on once it is gone",
        arguments: Damage.allCases)
    private func key(how: Damage) async throws {
        try damage("key", how)
        for arguments in [["submit"], ["submit", "--new-key"], ["audit", "key"]] {
            let run = try await place.run(arguments + ["--ledger", "house"])
            #expect(run.status == 4, "\(arguments) \(run.errors)")
            #expect(run.errors.contains("Put the right one back"), "\(run.errors)")
            #expect(run.errors.contains("take house/key away"), "\(run.errors)")
            #expect(run.errors.contains("gavel submit --ledger house --new-key < /dev/null"))
            #expect(!run.errors.contains("the key was lost"))
        }
        try remove("key")
        let none = try await place.run("audit", "key", "--ledger", "house")
        #expect(none.status == 1 && none.errors.contains("house has entries and no key"))
        #expect(!none.errors.contains(" yet"))
        let new = try await shell("gavel submit --ledger house --new-key < /dev/null")
        #expect(new.status == 0 && new.errors.contains("the key was lost"), "\(new.errors)")
        #expect(try await register("more").status == 0)
    }

    @Test("Another's key in the place of the ledger's is refused with what to do")
    func otherKey() async throws {
        let own = try LedgerKey.read(place.path + "/house/key")
        let other = try SigningKey.generate(name: own.verifier.name)
        try FileSystem.writeFileAtomically(
            place.path + "/house/key", Array(other.fileText.utf8), mode: 0o600)
        let run = try await place.run("submit", "--ledger", "house", "--new-key")
        #expect(run.status == 4 && run.errors.contains("\(other.verifier)"), "\(run.errors)")
        #expect(run.errors.contains("take house/key away"))
        #expect(!run.errors.contains("the key was lost"))
    }

    @Test("Where the log names the key, no other is offered, and the one that is wanted is named")
    func namedKey() async throws {
        #expect(try await place.run("audit", "rotate-key", "--ledger", "house").status == 0)
        let named = try LedgerKey.read(place.path + "/house/key").verifier
        try damage("key", .garbage)
        let garbage = try await place.run("submit", "--ledger", "house")
        #expect(garbage.status == 4 && !garbage.errors.contains("--new-key"), "\(garbage.errors)")
        try remove("key")
        for arguments in [["submit"], ["submit", "--new-key"], ["audit", "key"]] {
            let run = try await place.run(arguments + ["--ledger", "house"])
            #expect(run.status == (arguments[0] == "submit" ? 4 : 1))
            #expect(run.errors.contains("\(named), which the log names"), "\(run.errors)")
            #expect(!run.errors.contains("--new-key"), "\(run.errors)")
            #expect(!run.errors.contains("the key was lost"))
            // No key but that one is named.
            let keys = run.errors.matches(of: /gavel-ledger\/[^ ]*\+[0-9a-f]{8}\+[^ ,]+/)
            #expect(keys.allSatisfy { String($0.output) == named.description }, "\(run.errors)")
        }
        let renamed = try await shell("gavel restore house --ledger NEW --without-checkpoint")
        #expect(renamed.status == 0, "\(renamed.errors)")
    }

    @Test("A log cut back is gone on with by the command that the refusal gives")
    func rollback() async throws {
        let log = try Data(contentsOf: place.url("house/log/data.mdb"))
        #expect(try await register("later").status == 0)
        try log.write(to: place.url("house/log/data.mdb"))
        try remove("snapshots")
        let refused = try await register("more")
        let line = "gavel restore house --ledger NEW --key house/key --accept-loss"
        #expect(refused.status == 4 && refused.errors.contains(line), "\(refused.errors)")
        let restored = try await shell(line)
        #expect(restored.status == 0 && restored.output.contains("lost positions"))
    }
}
