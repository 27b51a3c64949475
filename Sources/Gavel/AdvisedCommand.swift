// The commands of `gavel` that messages advise, as they are typed.
//
// Invariants: each is whole, so that it works as it is printed once what stands in capitals was
// filled in; a path is quoted for the shell and never taken for an option.

/// A command line in a message.
package enum AdvisedCommand: CaseIterable, Sendable {
    case verify, rebuild, redecide, checkStatement
    /// Makes a ledger.
    case create
    /// Goes on with another key than the one that is lost.
    case newKey
    /// Puts the newest checkpoint that is kept in the place of the last one.
    case newestCheckpoint
    /// Goes on under another name, with the log as it is.
    case restoreWithoutCheckpoint
    /// Goes on under another name, without entries that were signed.
    case restoreAcceptingLoss

    /// What the command is given.
    package struct Files: Sendable {
        /// The ledger's folder.
        var ledger: String
        /// The file of the key, or of the verifier key; nil where none has to be named.
        var key: String?
        /// The newest checkpoint, where it is not in the ledger's folder.
        var checkpoint: String?

        package init(_ ledger: String = "DIR", key: String? = nil, checkpoint: String? = nil) {
            self.ledger = ledger
            self.key = key
            self.checkpoint = checkpoint
        }
    }

    /// The arguments, without what the shell does.
    package func arguments(_ files: Files) -> [String] {
        let ledger = ["--ledger", files.ledger]
        let key = files.key.map { ["--key", $0] } ?? []
        let checkpoint = files.checkpoint.map { ["--checkpoint", $0] } ?? []
        return switch self {
        case .verify: ["audit", "verify"] + ledger
        case .rebuild: ["rebuild"] + ledger
        case .redecide: ["audit", "re-decide"] + ledger
        case .checkStatement: ["audit", "check-statement", "FILE"] + ledger
        case .create: ["submit"] + ledger + ["--create"]
        case .newKey: ["submit"] + ledger + ["--new-key"]
        case .newestCheckpoint: ["audit", "checkpoints", "--newest"] + ledger + key
        case .restoreWithoutCheckpoint:
            ["restore", files.ledger, "--ledger", "NEW", "--without-checkpoint"]
        case .restoreAcceptingLoss:
            ["restore", files.ledger, "--ledger", "NEW"] + checkpoint + key + ["--accept-loss"]
        }
    }

    /// The whole line for a shell.
    package func line(_ files: Files = Files()) -> String {
        // A path that begins with a dash is named from the folder it is in.
        let command = (["gavel"] + arguments(files.withoutDashes)).map(quoted)
            .joined(separator: " ")
        switch self {
        case .verify, .rebuild, .redecide, .checkStatement, .restoreWithoutCheckpoint,
            .restoreAcceptingLoss:
            return command
        // Nothing is submitted: opening is what does it.
        case .create, .newKey: return "\(command) < /dev/null"
        case .newestCheckpoint:
            // Not straight into its place: a shell empties a file before the command begins.
            let ledger = files.withoutDashes.ledger
            let (made, place) = (quoted("\(ledger).newest"), quoted("\(ledger)/checkpoint"))
            return "\(command) > \(made) && mv \(made) \(place)"
        }
    }
}

extension AdvisedCommand.Files {
    fileprivate var withoutDashes: Self {
        Self(undashed(ledger), key: key.map(undashed), checkpoint: checkpoint.map(undashed))
    }
}

private func undashed(_ path: String) -> String { path.hasPrefix("-") ? "./\(path)" : path }

/// A word as a shell takes it for one.
private func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: ":"),
            UInt8(ascii: ","), UInt8(ascii: "@"), UInt8(ascii: "="):
            true
        case _: false
        }
    }
    guard !isPlain || word.isEmpty else { return word }
    return "'"
        + word.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: #"'\''"#) + "'"
}
