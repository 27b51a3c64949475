// `gavel-server keys`: the keys that sign access tokens.

import ArgumentParser
import GavelHTTP

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Administer the keys that sign access tokens.",
        subcommands: [KeysRotate.self])
}

struct KeysRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Let another key sign from now on.",
        discussion: """
            Prints the new key's id. The former key verifies until the last token it has signed \
            expires, within ten minutes; after a theft --drop-former ends it at once.
            """)

    @OptionGroup var options: AdministrationOptions

    @Option(
        help: ArgumentHelp(
            "EdDSA, ES256 or HS256; the present key's where not given.", valueName: "name"),
        transform: tokenAlgorithm)
    var algorithm: TokenAlgorithm?

    @Flag(help: "Tokens signed so far are void at once.")
    var dropFormer = false

    func run() async throws {
        try await options.administer { accounts in
            print(try await accounts.rotateKeys(algorithm: algorithm, dropsFormer: dropFormer))
        }
    }
}

/// Reads an algorithm's name.
@Sendable private func tokenAlgorithm(_ text: String) throws -> TokenAlgorithm {
    guard let algorithm = TokenAlgorithm(rawValue: text) else {
        throw ValidationError("expected EdDSA, ES256 or HS256, not \(text.debugDescription)")
    }
    return algorithm
}
