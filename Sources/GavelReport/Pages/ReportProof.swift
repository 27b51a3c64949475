// What a page rests on: the ledger's id, its root and digest, the last checkpoint, and how to
// check each of them without trusting the page.
//
// Invariant: the checkpoint stands there byte for byte, and the page says that it covers an entry
// only where the log was held against it.

import Gavel
import GavelJSON

struct ReportProof {
    private let ledger: String
    private let entryCount: UInt64
    private let lastTime: Timestamp
    private let root: LedgerHash
    private let digest: StateDigest
    private let checkpoint: SignedCheckpoint?
    /// The last entry that the page shows; nil where it shows none.
    private let lastShown: UInt64?
    /// What is wrong, a sentence each.
    let findings: [String]

    /// - Throws: `LedgerError` with `damaged` or `storage`.
    init(_ reader: LedgerReader, lastShown: UInt64?) throws {
        ledger = reader.ledgerID?.hexadecimal ?? ""
        entryCount = reader.reflects
        lastTime = reader.lastEntryTime
        root = try reader.root()
        digest = reader.digest
        self.lastShown = lastShown
        var checkpoint: SignedCheckpoint?
        var findings: [String] = []
        do {
            checkpoint = try reader.checkpoint()
            if checkpoint == nil, let missing = reader.missingCheckpoint {
                findings.append(missing.reason)
            }
            if let checkpoint { try reader.check(checkpoint) }
        } catch {
            guard error.code == .checkpointMismatch else { throw error }
            findings.append("the log and its checkpoint disagree: \(error.reason)")
        }
        (self.checkpoint, self.findings) = (checkpoint, findings)
    }

    /// The ledger's id, short, for the foot of a printed page.
    var shortID: String { String(ledger.prefix(8)) }

    /// As of when the page is.
    var asOf: String {
        guard entryCount > 0 else { return "before the first entry" }
        return "as of position \(entryCount - 1), \(lastTime.rfc3339)"
    }

    func write(to html: inout HTMLWriter) {
        html.fields([
            ("ledger", ledger),
            (
                "entries",
                entryCount == 0 ? "none" : "\(entryCount), positions 0 to \(entryCount - 1)"
            ),
            ("last entry", entryCount == 0 ? nil : lastTime.rfc3339),
            ("root", root.description),
            ("state digest", digest.description),
        ])
        html.element("h3", text: "The last checkpoint")
        if let checkpoint {
            html.element(
                "pre", ["tabindex": "0"], text: String(decoding: checkpoint.bytes, as: UTF8.self))
            if findings.isEmpty { html.element("p", text: coverage(of: checkpoint.checkpoint)) }
        } else if findings.isEmpty {
            html.element("p", text: "There is none: nothing was signed yet.")
        }
        for finding in findings {
            html.element("p", ["class": "finding"], text: finding)
        }
        writeCommands(to: &html)
    }

    private func coverage(of checkpoint: Checkpoint) -> String {
        let held = "The log has these \(checkpoint.size) entries and this root. "
        guard let lastShown else { return held }
        if checkpoint.size > lastShown {
            return held + "So the checkpoint covers every entry on this page."
        }
        return held + "It does not cover the entries from position \(checkpoint.size) on, which "
            + "came later: take a newer checkpoint for those."
    }

    private func writeCommands(to html: inout HTMLWriter) {
        html.element("h3", text: "How to check this page")
        html.element(
            "p",
            text: "Nothing here has to be believed. Whoever has the ledger's folder DIR and the "
                + "house's published verifier key VKEY can derive it again:")
        let last = entryCount == 0 ? 0 : entryCount - 1
        let commands: [(command: String, what: String)] = [
            (
                "gavel audit verify --ledger DIR",
                "derives every entry, root, balance and outcome again"
            ),
            (
                "gavel audit replay --ledger DIR --until \(last)",
                "gives the state digest above"
            ),
            (
                "gavel audit checkpoint --ledger DIR --key VKEY",
                "checks who signed the checkpoint, and the log against it"
            ),
            (
                "gavel audit explain POSITION --ledger DIR",
                "says why an entry came out as it did"
            ),
            (
                "gavel audit prove POSITION --ledger DIR",
                "proves one entry to somebody who has only the checkpoint"
            ),
        ]
        html.element("dl", ["class": "commands"]) { html in
            for (command, what) in commands {
                html.element("dt") { $0.element("code", text: command) }
                html.element("dd", text: what)
            }
        }
    }
}
