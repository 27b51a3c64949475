// `gavel audit report`: pages that are well-formed, need nothing from elsewhere, and hold the
// ledger's numbers.

import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("Printable reports")
struct ReportTests {
    private static let histories = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/histories/rules")

    private static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: histories.path)) ?? []
        return files.filter { $0.hasSuffix(".jsonl") }.map { String($0.dropLast(6)) }.sorted()
    }()

    /// A report, which must succeed.
    private func report(_ space: Workspace, _ about: String...) async throws -> Page {
        let run = try await space.run(
            ["audit", "report", "--ledger", "house", "--output", "-"] + about)
        #expect(run.errors == "")
        #expect(run.status == 0)
        return try Page(run.output)
    }

    // MARK: Pages

    @Test("there are histories to report on")
    func fixtures() { #expect(Self.names.count >= 9) }

    @Test(
        "every auction and wallet of every history has a well-formed page that asks nobody",
        arguments: names)
    func pages(history: String) async throws {
        let space = try Workspace()
        let file = Self.histories.appendingPathComponent(history + ".jsonl").path
        let imported = try await space.run("import", file, "--ledger", "house")
        try #require(imported.status == 0, "\(imported.errors)")
        let all = try await report(space, "--all")
        for line in try await rows(space, "auctions") {
            let auction = try #require(line.first)
            #expect(all.identifiers.contains("auction-\(auction)"))
            let page = try await report(space, "--auction", auction)
            for entry in try await log(space, "--auction", auction) {
                let position = try #require(entry["position"] as? Int)
                #expect(page.identifiers.contains("p\(position)"), "\(auction) \(position)")
                if let code = (entry["rejection"] as? [String: Any])?["code"] as? String {
                    #expect(page.text.contains(code))
                }
            }
        }
        for line in try await rows(space, "wallets") {
            let user = try #require(line.first)
            #expect(all.identifiers.contains("wallet-\(user)"))
            let page = try await report(space, "--wallet", user)
            #expect(page.text.contains("The movements below add up to these balances"))
        }
    }

    @Test("an auction's page has its numbers: price, fates, holds, fees, refunds, proof")
    func numbers() async throws {
        let space = try Workspace()
        let file = Self.histories.appendingPathComponent("all_together.jsonl").path
        _ = try await space.run("import", file, "--ledger", "house")
        let page = try await report(space, "--auction", "lot-1")
        for words in [
            "For the house and its auditors only.",
            "bid_below_minimum (41)", "exceeds_available (50)",
            "the bid of 10.49 USD is below the minimum of 10.50 USD: price 10.00 USD + step 0.50",
            "a step of 0.55 USD above the bid of 11.00 USD",
            "reserve 20.00 USD", "buy now 30.00 USD",
            "10%, at least 1.50 USD",
            "proceeds: price 24.32 USD − seller's fee 2.43 USD",
            "fees: buyer's premium 1.31 USD + seller's fee 2.43 USD",
            "Nothing is held after the last entry, as the ledger says.",
            "So the checkpoint covers every entry on this page.",
            "gavel audit prove POSITION --ledger DIR",
        ] {
            #expect(page.text.contains(words), "\(words)")
        }
        #expect(page.text.contains("25.63 USDpaid, premium included"))
        for amount in ["24.32 USD", "21.89 USD", "3.74 USD", "0.72 USD", "26.35 USD"] {
            #expect(page.cells.contains(amount), "\(amount)")
        }
        #expect(page.drawings >= 3)
        let checkpoint = try await space.run("audit", "checkpoint", "--ledger", "house")
        #expect(page.text.contains(checkpoint.output))
        let verified = try await space.run("audit", "verify", "--ledger", "house")
        for name in ["root", "digest"] {
            let line = try #require(verified.lines.first { $0.hasPrefix(name + " ") })
            let value = try #require(line.split(separator: " ").last)
            #expect(page.text.contains(value), "\(name)")
        }
    }

    @Test("a wallet's page has each movement with the balances after it, and its auctions")
    func wallet() async throws {
        let space = try await importedWorkspace()
        let page = try await report(space, "--wallet", "alice")
        let movements = page.rows.filter { ["6", "9", "11"].contains($0.first) }
        #expect(
            movements == [
                [
                    "6", "2025-01-01T00:01:00.000Z", "charged, reference psp-1", "", "500.00 USD",
                    "500.00 USD", "0.00 USD",
                ],
                [
                    "9", "2025-01-01T02:00:00.000Z", "locked", "lot-1", "15.00 USD", "485.00 USD",
                    "15.00 USD",
                ],
                [
                    "11", "2025-01-01T02:02:00.500Z", "refunded: outbid", "lot-1", "15.00 USD",
                    "500.00 USD", "0.00 USD",
                ],
            ])
        #expect(page.rows.contains(["lot-2", "7.00 USD"]))
        #expect(
            page.rows.contains([
                "lot-1", "A clock", "bob", "closed, sold", "did not win", "20.00 USD",
                "20.00 USD", "12",
            ]))
        #expect(
            page.rows.contains(["lot-2", "", "bob", "open", "leads", "7.00 USD", "", ""]))
    }

    @Test("the ledger's page has totals that are conserved, and rejections by code")
    func ledger() async throws {
        let page = try await report(try await importedWorkspace(), "--all")
        #expect(
            page.rows.contains([
                "USD", "800.00 USD", "0.00 USD", "793.00 USD", "7.00 USD", "yes",
            ]))
        #expect(page.rows.contains(["bid_below_minimum", "41", "1", "10", "10"]))
        #expect(page.rows.contains(["place_bid", "3", "1"]))
        #expect(page.rows.contains(["bob", "20.00 USD", "0.00 USD", "0"]))
    }

    // MARK: Bounds

    @Test("what a bounded table leaves out is counted, and the counts above are of everything")
    func bounded() async throws {
        let space = try Workspace()
        let users = (1...600).map {
            #"{"command":"register_user","user":"u\#($0)","at":"2025-01-01T00:00:00Z"}"# + "\n"
        }
        try space.write(users.joined(), to: "users.jsonl")
        _ = try await space.run("import", "users.jsonl", "--ledger", "house")
        let page = try await report(space, "--all")
        #expect(page.identifiers.filter { $0.hasPrefix("wallet-") }.count == 500)
        #expect(
            page.text.contains(
                "101 rows are left out here; gavel wallets --ledger DIR has all of them"))
        #expect(page.text.contains("601users"))
    }

    @Test("a long statement keeps its beginning and its end, in order")
    func bothEnds() async throws {
        let space = try Workspace()
        let charges = (1...5_007).map {
            #"{"command":"charge","user":"alice","currency":"USD","amount":1,"#
                + #""reference":"r\#($0)","at":"2025-01-01T00:00:00Z"}"# + "\n"
        }
        let names = history.split(separator: "\n").prefix(2).map { $0 + "\n" }
        try space.write(names.joined() + charges.joined(), to: "charges.jsonl")
        _ = try await space.run("import", "charges.jsonl", "--ledger", "house")
        let page = try await report(space, "--wallet", "alice")
        let references = page.rows.filter { $0.count == 7 }.compactMap { row in
            row[2].split(separator: " ").last.flatMap { Int($0.dropFirst()) }
        }
        #expect(references == Array(1...2_500) + Array(2_508...5_007))
        #expect(page.text.contains("7 rows are left out here; gavel audit statement"))
        #expect(page.text.contains("5007movements"))
    }

    @Test("--until shows the past, and the same moment gives the same bytes")
    func until() async throws {
        let space = try await importedWorkspace()
        let arguments = [
            "audit", "report", "--ledger", "house", "--auction", "lot-1", "--until", "10",
            "--output", "-",
        ]
        let first = try await space.run(arguments)
        let again = try await space.run(arguments)
        #expect(first.status == 0)
        #expect(first.output == again.output)
        let page = try Page(first.output)
        #expect(page.text.contains("as of position 10, 2025-01-01T02:01:00.000Z"))
        #expect(page.text.contains("15.00 USD is held after the last entry"))
        #expect(!page.identifiers.contains("p11"))
        #expect(page.text.contains("It has not ended"))
    }

    @Test("a report is made beside a writer, who goes on")
    func besideWriter() async throws {
        let space = try await importedWorkspace()
        let writer = try space.start("submit", "--ledger", "house")
        try writer.send(#"{"command":"place_bid","auction":"lot-2","bidder":"carol","amount":900}"#)
        #expect(writer.receive()?.contains(#""status":"accepted""#) == true)
        let page = try await report(space, "--auction", "lot-2")
        #expect(page.cells.contains("9.00 USD"))
        #expect(writer.isRunning)
        #expect(try writer.finish() == 0)
    }

    // MARK: Text of others

    @Test("titles, reasons and references are text, whatever they hold")
    func escaping() async throws {
        let space = try Workspace()
        let hostile = #"</title><script>alert(1)</script> & \"q\" ' \u0007\u202Eevil\uFFFF"#
        try space.write(
            """
            {"command":"register_currency","currency":"JPY","scale":0,"at":"2025-01-01T00:00:00Z"}
            {"command":"register_user","user":"a","at":"2025-01-01T00:00:00Z"}
            {"command":"charge","user":"a","currency":"JPY","amount":9223372036854775807,\
            "reference":"<b>&amp;","at":"2025-01-01T00:00:00Z"}
            {"command":"open_auction","auction":"lot-1","title":"\(hostile)","seller":"a",\
            "currency":"JPY","at":"2025-01-01T00:00:00Z"}
            {"command":"cancel_auction","auction":"lot-1","reason":"<img src=x onerror=y>",\
            "at":"2025-01-01T00:00:03Z"}

            """, to: "hostile.jsonl")
        let imported = try await space.run("import", "hostile.jsonl", "--ledger", "house")
        try #require(imported.status == 0, "\(imported.errors)")
        let title = "</title><script>alert(1)</script> & \"q\" ' \u{FFFD}\u{FFFD}evil\u{FFFD}"
        let auction = try await report(space, "--auction", "lot-1")
        #expect(auction.text.contains(title))
        #expect(auction.text.contains("<img src=x onerror=y>"))
        let all = try await report(space, "--all")
        #expect(all.cells.contains(title))
        let wallet = try await report(space, "--wallet", "a")
        #expect(wallet.cells.contains("charged, reference <b>&amp;"))
        #expect(wallet.cells.contains("9223372036854775807 JPY"))
    }

    @Test("joiners of scripts and emoji stay, and a long title wraps in every cell that holds it")
    func titles() async throws {
        let space = try Workspace()
        let joined = "می\u{200C}خواهم 👨\u{200D}👩\u{200D}👧"
        let long = String(repeating: "W", count: 256)
        try space.write(
            """
            {"command":"register_currency","currency":"USD","scale":2,"at":"2025-01-01T00:00:00Z"}
            {"command":"register_user","user":"a","at":"2025-01-01T00:00:00Z"}
            {"command":"open_auction","auction":"lot-1","title":"\(joined)","seller":"a",\
            "currency":"USD","at":"2025-01-01T00:00:00Z"}
            {"command":"open_auction","auction":"lot-2","title":"\(long)","seller":"a",\
            "currency":"USD","at":"2025-01-01T00:00:00Z"}
            {"command":"cancel_auction","auction":"lot-2","reason":"\(long)",\
            "at":"2025-01-01T00:00:00Z"}

            """, to: "history.jsonl")
        try #require(
            try await space.run("import", "history.jsonl", "--ledger", "house").status == 0)
        #expect(try await report(space, "--all").cells.contains(joined))
        #expect(try await report(space, "--auction", "lot-1").text.contains(joined))
        #expect(try await report(space, "--auction", "lot-2").text.contains(long))
        let table = try await space.run("auction", "lot-1", "--ledger", "house")
        #expect(table.output.contains(joined))
        // Every kind of cell but those of figures breaks a word that is too long for it.
        for about in [["--all"], ["--auction", "lot-2"], ["--wallet", "a"]] {
            let run = try await space.run(
                ["audit", "report", "--ledger", "house", "--output", "-"] + about)
            let kinds = Set(run.output.matches(of: /<t[dh][^>]* class="(\w+)"/).map { $0.1 })
            let wrapping = run.output.matches(of: #/([^\n{}]+) \{ overflow-wrap: anywhere; /#)
                .map { $0.1 }.joined(separator: " ")
            for kind in kinds.subtracting(["number", "time"]) {
                #expect(wrapping.contains(".\(kind)"), "\(about) \(kind)")
            }
        }
    }

    // MARK: Findings

    @Test("a checkpoint that the log contradicts stands on the page as a finding, exit code 1")
    func disagreement() async throws {
        let space = try await importedWorkspace()
        let text = try String(contentsOf: space.url("house/checkpoint"), encoding: .utf8)
        try space.write(text.replacing("\n15\n", with: "\n14\n"), to: "house/checkpoint")
        let run = try await space.run(
            "audit", "report", "--ledger", "house", "--all", "--output", "-")
        #expect(run.status == 1)
        #expect(run.errors.contains("the log and its checkpoint disagree"))
        let page = try Page(run.output)
        #expect(page.text.contains("It does not add up: the log and its checkpoint disagree"))
        #expect(!page.text.contains("covers every entry"))
    }

    // MARK: The command line

    @Test("a page replaces a page, and nothing else that is there")
    func output() async throws {
        let space = try await importedWorkspace()
        func write(_ name: String, _ auction: String) async throws -> Run {
            try await space.run(
                "audit", "report", "--ledger", "house", "--auction", auction, "--output", name)
        }
        #expect(try await write("lot.html", "lot-1").status == 0)
        #expect(try await write("lot.html", "lot-2").status == 0)
        let page = try String(contentsOf: space.url("lot.html"), encoding: .utf8)
        #expect(page.hasPrefix("<!DOCTYPE html>"))
        #expect(page.contains("<h1>Auction lot-2</h1>"))
        let key = try Data(contentsOf: space.url("house/key"))
        for name in ["house/key", "house", "history.jsonl"] {
            let run = try await write(name, "lot-1")
            #expect(run.status == 2)
            let reasons = ["nothing was written\n", "is a folder, not a file\n"]
            #expect(run.errors.hasPrefix("gavel: --output \(name) "), "\(run.errors)")
            #expect(reasons.contains { run.errors.hasSuffix($0) }, "\(run.errors)")
        }
        #expect(try Data(contentsOf: space.url("house/key")) == key)
        #expect(try await write("nowhere/lot.html", "lot-1").status == 2)
        #expect(try await write("lot.html", "lot-9").status == 2)
        #expect(try String(contentsOf: space.url("lot.html"), encoding: .utf8) == page)
        #expect(space.names == ["history.jsonl", "house", "lot.html"])
    }

    @Test(
        "what cannot be reported on is exit code 2 and one line",
        arguments: [
            (["--auction", "lot-9"], "there is no auction lot-9"),
            (["--wallet", "dave"], "there is no user dave"),
            (["--all", "--until", "99"], "there is no position 99; the ledger has 15 entries"),
            ([], "give --auction, --wallet or --all, not none of them."),
            (["--all", "--wallet", "alice"], "give --auction, --wallet or --all, not 2 of them."),
            (["--auction", "lot-1", "--until", "6"], "there is no auction lot-1"),
        ])
    func refused(arguments: [String], message: String) async throws {
        let space = try await importedWorkspace()
        let run = try await space.run(
            ["audit", "report", "--ledger", "house", "--output", "x.html"] + arguments)
        #expect(run.status == 2)
        #expect(run.errors.hasPrefix("gavel: "))
        #expect(run.errors.contains(message), "\(run.errors)")
        #expect(run.lines.isEmpty)
        #expect(!space.exists("x.html"))
    }

    // MARK: Other commands

    /// The rows of a command's CSV, without the header.
    private func rows(_ space: Workspace, _ command: String) async throws -> [[String]] {
        let run = try await space.run(command, "--ledger", "house", "--format", "csv")
        #expect(run.status == 0)
        return run.lines.dropFirst().map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }

    private func log(_ space: Workspace, _ arguments: String...) async throws -> [[String: Any]] {
        let run = try await space.run(
            ["log", "--ledger", "house", "--format", "json"] + arguments)
        #expect(run.status == 0)
        return try run.lines.map { line in
            try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }
}

/// A page, read as XML: whatever is not well-formed is an error.
private final class Page: NSObject, XMLParserDelegate {
    /// All text that is shown, drawings' titles included.
    private(set) var text = ""
    /// The ids of elements, each one once.
    private(set) var identifiers: Set<String> = []
    /// The texts of tables' cells, row by row, without the small sentences below.
    private(set) var rows: [[String]] = []
    private(set) var drawings = 0
    private var path: [String] = []
    private var links: Set<String> = []
    private var problems: [String] = []

    var cells: Set<String> { Set(rows.joined()) }

    init(_ markup: String) throws {
        super.init()
        #expect(markup.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
        #expect(!markup.contains("http://") && !markup.contains("https://"))
        #expect(!markup.contains("url(") && !markup.contains("@import"))
        let parser = XMLParser(data: Data(markup.utf8))
        parser.delegate = self
        let isWellFormed = parser.parse()
        try #require(
            isWellFormed,
            "line \(parser.lineNumber): \(String(describing: parser.parserError))")
        #expect(problems == [])
        #expect(links.subtracting(identifiers) == [], "links that lead nowhere")
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
    ) {
        path.append(name)
        if ["script", "link", "img", "iframe", "object", "use", "image"].contains(name) {
            problems.append("the page has an element \(name)")
        }
        for (attribute, value) in attributes {
            switch attribute {
            case "src", "srcset", "onload": problems.append("\(name) has \(attribute)")
            case "href" where value.hasPrefix("#"): links.insert(String(value.dropFirst()))
            case "href": problems.append("a link leads to \(value)")
            case "id" where !identifiers.insert(value).inserted:
                problems.append("the id \(value) stands twice")
            default: break
            }
        }
        switch name {
        case "svg":
            drawings += 1
            if attributes["aria-labelledby"] == nil { problems.append("a drawing has no name") }
        case "th" where attributes["scope"] == nil: problems.append("a heading heads nothing")
        case "tr": rows.append([])
        default: break
        }
        if ["th", "td"].contains(name) { rows[rows.count - 1].append("") }
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?,
        qualifiedName: String?
    ) { path.removeLast() }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        guard !path.contains("style") else { return }
        text += string
        let isCell = path.contains("td") || path.contains("th")
        if isCell, !path.contains("small") { rows[rows.count - 1][rows.last!.count - 1] += string }
    }
}
