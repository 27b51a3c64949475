// The rules of the house that a compiler does not check: who imports whom, what may not be used
// where, how long a line is, and that nothing stands in Fixtures unused.

import Foundation
import Testing

/// The repository's files as text.
enum House {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The folders of `Sources`, a room each.
    static func rooms() throws -> [String] {
        try FileManager.default.contentsOfDirectory(
            atPath: root.appending(path: "Sources").path
        ).sorted()
    }

    /// The Swift files below a folder, with their paths from the root.
    static func swiftFiles(_ folder: String) throws -> [(path: String, text: String)] {
        try files(folder).filter { $0.hasSuffix(".swift") }.map {
            ($0, try String(contentsOf: root.appending(path: $0), encoding: .utf8))
        }
    }

    /// All files below a folder, as paths from the root, sorted.
    static func files(_ folder: String) throws -> [String] {
        let base = root.appending(path: folder)
        let names = try FileManager.default.subpathsOfDirectory(atPath: base.path)
        return names.sorted().map { "\(folder)/\($0)" }.filter { path in
            var isFolder: ObjCBool = false
            let full = root.appending(path: path).path
            return FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
                && !isFolder.boolValue
        }
    }

    /// The modules a file imports.
    static func imports(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
            guard let place = words.firstIndex(of: "import"), place <= 1, words.count == place + 2,
                place == 0 || ["public", "package", "internal", "private"].contains(words[0])
            else { return nil }
            return String(words[place + 1])
        }
    }

    /// The code of a file: comments and texts blanked out, so that words in them do not count.
    static func code(_ text: String) -> String {
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let trimmed = line.drop { $0 == " " }
            if trimmed.hasPrefix("//") { continue }
            var kept = ""
            var isText = false
            for character in line {
                if character == "\"" { isText.toggle() }
                if !isText { kept.append(character) }
            }
            lines.append(kept.components(separatedBy: "//")[0])
        }
        return lines.joined(separator: "\n")
    }

    /// The switches that have a `default`: its line, and what the cases before it begin with, as
    /// far as they begin with a case's name, `.name` or `(.name`.
    static func switchesWithDefault(_ text: String) -> [(line: Int, patterns: [Substring])] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var found: [(line: Int, patterns: [Substring])] = []
        for (number, line) in lines.enumerated() {
            let margin = line.prefix { $0 == " " }
            guard line.dropFirst(margin.count).hasPrefix("default:") else { continue }
            var patterns: [Substring] = []
            for other in lines[..<number].reversed() where other.hasPrefix(margin) {
                let words = other.dropFirst(margin.count)
                if words.hasPrefix(" ") || words.hasPrefix("//") { continue }
                guard let match = words.firstMatch(of: /^case (let )?\(?\.?(\w+)/) else { break }
                patterns.append(match.output.2)
            }
            found.append((number + 1, patterns))
        }
        return found
    }
}

@Suite("The house")
struct HouseTests {
    @Test("Arrows point down only: each room imports what stands under it and nothing else")
    func importLaw() throws {
        let system: Set<String> = ["Glibc", "Darwin", "Synchronization", "Dispatch"]
        let allowed: [String: Set<String>] = [
            "Platform": system.union(["CPlatform"]),
            "LMDB": system.union(["CLMDB", "Platform"]),
            "AuctionDomain": [],
            // The one that may hash: nobody else imports CSHA256.
            "Gavel": system.union([
                "AuctionDomain", "LMDB", "Platform", "CSHA256", "Crypto", "Logging",
            ]),
            "GavelJSON": ["AuctionDomain", "Gavel"],
            "GavelTesting": system.union(["AuctionDomain", "Gavel", "Platform"]),
            "GavelProgram": system.union([
                "Gavel", "GavelJSON", "Platform", "ArgumentParser",
            ]),
            "GavelReport": system.union(["Gavel", "GavelJSON", "GavelProgram"]),
            "GavelStorm": system.union([
                "Gavel", "GavelJSON", "GavelProgram", "GavelReport", "LMDB", "Platform",
                "Histogram",
            ]),
            "GavelCommands": system.union([
                "Gavel", "GavelJSON", "GavelProgram", "GavelReport", "GavelStorm", "Platform",
                "ArgumentParser",
            ]),
            "gavel-cli": ["GavelCommands"],
            // No rule lives here: the domain is imported for its words.
            "GavelHTTP": system.union([
                "AuctionDomain", "Gavel", "GavelJSON", "LMDB", "Platform", "Crypto", "CryptoExtras",
                "Foundation", "HTTPTypes", "Hummingbird", "HummingbirdCore", "JWTKit", "Logging",
                "Metrics", "NIOCore", "NIOHTTP1", "NIOPosix", "ServiceLifecycle",
            ]),
            "gavel-simulator": system.union(["GavelTesting", "ArgumentParser"]),
            "GavelServerCommands": system.union([
                "AuctionDomain", "Gavel", "GavelHTTP", "GavelProgram", "ArgumentParser",
                "Configuration", "Foundation", "Logging", "ServiceLifecycle",
            ]),
            "gavel-server": ["GavelServerCommands"],
        ]
        for (room, modules) in allowed.sorted(by: { $0.key < $1.key }) {
            for (path, text) in try House.swiftFiles("Sources/\(room)") {
                for module in House.imports(text) where !modules.contains(module) {
                    Issue.record("\(path) imports \(module)")
                }
            }
        }
        #expect(
            Set(try House.rooms()) == Set(allowed.keys).union(["CLMDB", "CPlatform", "CSHA256"]))
    }

    @Test("Tests import libraries: no target of tests depends on a program")
    func testsOfLibraries() throws {
        let package = try String(
            contentsOf: House.root.appending(path: "Package.swift"), encoding: .utf8)
        func names(_ kind: String) -> [Substring] {
            package.components(separatedBy: ".\(kind)(").dropFirst().compactMap {
                $0.firstMatch(of: /name: "([A-Za-z-]+)"/)?.output.1
            }
        }
        let programs = Set(names("executableTarget"))
        #expect(programs.count == 3)
        for target in package.components(separatedBy: ".testTarget(").dropFirst() {
            let own = target.components(separatedBy: "swiftSettings:")[0]
            for match in own.matches(of: /"([A-Za-z-]+)"/) where programs.contains(match.output.1) {
                Issue.record("tests depend on the program \(match.output.1): \(own)")
            }
        }
    }

    @Test("Only who opens an LMDB file imports LMDB; all others know files, folders and bytes")
    func lmdbImports() throws {
        let allowed: Set = [
            "Gavel/Store/FolderLog.swift", "Gavel/Store/LogFileReader.swift",
            // It walks a data file's pages before anybody maps it.
            "Gavel/Store/FolderStore+Structure.swift",
        ]
        // The service keeps its accounts in a file of its own, and benchmarks measure bare LMDB.
        let rooms = ["GavelHTTP/Users/", "GavelHTTP/Auctions/", "GavelHTTP/ServiceStore.swift"]
        for room in try House.rooms() where room != "LMDB" {
            for (path, text) in try House.swiftFiles("Sources/\(room)")
            where House.imports(text).contains("LMDB") {
                let name = String(path.dropFirst("Sources/".count))
                let isAllowed =
                    allowed.contains(name) || rooms.contains { name.hasPrefix($0) }
                    || name.hasPrefix("GavelStorm/")
                #expect(isAllowed, "\(path) imports LMDB")
            }
        }
    }

    @Test("The deciding and replaying path reads no clock, draws nothing, and has no hashed order")
    func purity() throws {
        // The window of command ids decides only whether a command is taken at all; LedgerClock is
        // where clocks and entropy live, for callers and for admission.
        let deciding =
            try House.swiftFiles("Sources/AuctionDomain")
            + House.swiftFiles("Sources/Gavel/EventLog") + House.swiftFiles("Sources/Gavel/Core")
            + House.swiftFiles("Sources/Gavel/ReadState")
        let banned = [
            "Date(", "UUID(", ".random(", "SystemRandomNumberGenerator", "clock_gettime",
            "ContinuousClock", "SuspendingClock", "arc4random", "Foundation",
        ]
        for (path, text) in deciding {
            let code = House.code(text)
            for word in banned where code.contains(word) {
                Issue.record("\(path) uses \(word)")
            }
            for type in ["Dictionary<", "Set<"] where code.contains(type) {
                Issue.record("\(path) keeps a \(type)…>, whose order depends on the process")
            }
            // Dictionaries are only looked up in: these are the ones there are.
            for line in code.split(separator: "\n")
            where line.contains("for ")
                && (line.contains("termsIndex") || line.contains("in sharedHolds"))
            {
                Issue.record("\(path) iterates a dictionary: \(line)")
            }
        }
        let dictionaries = deciding.filter {
            House.code($0.text).contains(/\[[A-Z][A-Za-z]*: [A-Z][A-Za-z0-9]*\]/)
        }
        #expect(dictionaries.map(\.path) == ["Sources/AuctionDomain/State/State.swift"])
    }

    @Test("The core has no thread, lock, file or clock: it is given all that it goes by")
    func core() throws {
        for (path, text) in try House.swiftFiles("Sources/Gavel/Core") {
            #expect(Set(House.imports(text)).isSubset(of: ["AuctionDomain"]), "\(path)")
            let code = House.code(text)
            for word in ["async", "await", "Mutex", "Atomic", "Semaphore", "LedgerClock"] {
                #expect(!code.contains(word), "\(path) uses \(word)")
            }
        }
    }

    @Test("A switch over a command or an event names every case: a new one is nowhere passed over")
    func exhaustiveSwitches() throws {
        var names: Set<Substring> = []
        for (file, type) in [
            ("Event", "Event"), ("Command", "Command"), ("CanonicalCommand", "CanonicalCommand"),
        ] {
            let path = House.root.appending(path: "Sources/AuctionDomain/\(file).swift")
            let text = try String(contentsOf: path, encoding: .utf8)
            let body = text.components(separatedBy: "public enum \(type):")[1]
                .components(separatedBy: "\n}")[0]
            for match in body.matches(of: /\n    (indirect )?case (\w+)/) {
                names.insert(match.output.2)
            }
        }
        #expect(names.isSuperset(of: ["settled", "placeBid", "closeDue"]) && names.count > 30)
        for (path, text) in try House.swiftFiles("Sources") {
            for (line, patterns) in House.switchesWithDefault(text)
            where !patterns.isEmpty && patterns.allSatisfy({ names.contains($0) }) {
                Issue.record("\(path):\(line) has a default after .\(patterns[0])")
            }
        }
    }

    @Test("Only Formats asks which format an auction has, and the model in its own words")
    func formats() throws {
        let allowed = [
            "Sources/AuctionDomain/Formats/",
            // What an auction has where nothing is said.
            "Sources/AuctionDomain/Rules/AuctionRules.swift",
            // The rules once more, in other words.
            "Sources/GavelTesting/Model/",
        ]
        var found: Set<String> = []
        for (path, text) in try House.swiftFiles("Sources")
        where House.code(text).contains(/\.english\b|\bEnglish\b/) {
            found.insert(allowed.first { path.hasPrefix($0) } ?? path)
        }
        #expect(found == Set(allowed))
    }

    @Test("`unsafe` stands in Platform and LMDB, and outside them in five small files")
    func unsafeCode() throws {
        var found: [String] = []
        for room in ["AuctionDomain", "Gavel", "GavelJSON", "GavelTesting"] {
            for (path, text) in try House.swiftFiles("Sources/\(room)")
            where House.code(text).contains(/\bunsafe\b/) {
                found.append(path)
            }
        }
        #expect(
            found == [

                "Sources/Gavel/Environment/LedgerClock.swift",
                "Sources/Gavel/EventLog/HashRow.swift",
                "Sources/Gavel/EventLog/LedgerHash.swift",
                "Sources/Gavel/ReadState/FrameFold.swift",
                "Sources/Gavel/Shell/Waiter.swift",
            ])
    }

    @Test("No public name stands for nobody, nowhere or never: nil does")
    func sentinels() throws {
        let name = /public (static )?(let|var) (none|no[A-Z]\w*|unknown|invalid)\b/
        var found: [String] = []
        for file in try House.swiftFiles("Sources") {
            for match in House.code(file.text).matches(of: name) {
                found.append("\(file.path): \(match.output.3)")
            }
        }
        // Values of their own: no fee, neither side's, and a cursor that is bound to nobody.
        #expect(
            found.sorted() == [
                "Sources/AuctionDomain/Rules/Fees.swift: none",
                "Sources/AuctionDomain/Rules/Fees.swift: none",
                "Sources/Gavel/Queries/Cursor.swift: none",
            ])
    }

    @Test("Every file opens with what it is, lines have at most 100 columns, nothing is left over")
    func files() throws {
        let leftOvers = ["TO" + "DO", "FIX" + "ME"]
        for folder in ["Sources", "Tests", "Benchmarks/Sources", "Benchmarks/Benchmarks"] {
            for (path, text) in try House.swiftFiles(folder) {
                #expect(text.hasPrefix("//"), "\(path) does not say what it is")
                for (number, line) in text.split(
                    separator: "\n", omittingEmptySubsequences: false
                ).enumerated() {
                    #expect(line.count <= 100, "\(path):\(number + 1) has \(line.count) columns")
                    for word in leftOvers where line.contains(word) {
                        Issue.record("\(path):\(number + 1) holds \(word)")
                    }
                }
            }
        }
    }

    @Test("Frames are read past their hashes only by who derives the roots")
    func rawReads() throws {
        let allowed: Set = [
            // The seam itself, and the two who hold each entry against its hash.
            "Store/LogReader.swift", "Store/LogFileReader.swift",
            "Store/FolderStore.swift",
            "Store/MemoryStore.swift",
            "EventLog/CheckedEntries.swift", "EventLog/CheckedTile.swift",
            "Proofs/LogEntries.swift",
            // Opening and archives derive each frame's root on the way.
            "ReadState/Loader.swift", "LogArchive.swift",
            // Verification derives everything; two logs are compared byte by byte.
            "Audit/FrameChain.swift", "Audit/HeadsVerification.swift",
            "Audit/RecordsVerification.swift",
            "Audit/FoldVerification.swift", "Audit/LogParting.swift",
            // Looks for registrations, and has each one that it found checked.
            "Proofs/EvidenceNames.swift",
        ]
        let reads = [
            "forEachFrame(", "log.entry(at:", "forEachEntry(in:", "entryBytes(in:",
            "forEachUnhashed(", "forEachID(",
        ]
        var found: Set<String> = []
        // Benchmarks measure the bare reading; GavelTesting holds stores to their contract.
        for room in try House.rooms() where !["GavelStorm", "GavelTesting"].contains(room) {
            for (path, text) in try House.swiftFiles("Sources/\(room)") {
                let code = House.code(text)
                guard reads.contains(where: { code.contains($0) }) else { continue }
                found.insert(String(path.dropFirst("Sources/Gavel/".count)))
            }
        }
        #expect(found == allowed)
    }

    @Test("Who submits to an open ledger draws ids by its clock, not by the machine's")
    func ownIDs() throws {
        // Called on the type, or with a clock that is not the ledger's.
        let others = /(CommandID|\?\?|id:|=) ?\.generate\(\)|\.generate\(at: [^)]*[cC]lock/
        for room in [
            "GavelHTTP", "GavelProgram", "GavelReport", "GavelStorm", "GavelCommands",
            "GavelServerCommands",
        ] {
            for (path, text) in try House.swiftFiles("Sources/\(room)") {
                for line in House.code(text).split(separator: "\n") where line.contains(others) {
                    Issue.record("\(path) draws an id by the machine's clock: \(line)")
                }
            }
        }
    }

    @Test("Every fixture is used by a test or by the README")
    func fixtures() throws {
        let users =
            try House.swiftFiles("Tests").map(\.text).joined()
            + String(contentsOf: House.root.appending(path: "README.md"), encoding: .utf8)
        // RuleHistoryTests hold their folder against the names they run.
        for path in try House.files("Fixtures")
        where !path.hasSuffix("README.md") && !path.contains("/rules/") {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            let isUsed = users.contains(name)
            #expect(isUsed, "\(path) is used by nobody")
        }
    }

    @Test("The top level holds what the card allows")
    func topLevel() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: House.root.path)
        let allowed: Set = [
            "Package.swift", "Package.resolved", "Sources", "Tests", "Fixtures", "Benchmarks",
            "README.md", "LICENSE",
            // The README's main job makes it.
            "house",
        ]
        let others = names.filter { !$0.hasPrefix(".") && !allowed.contains($0) }
        #expect(others == [])
    }
}
