// `gavel benchmark verify`: the levels of verification, and what hashing alone costs beside the
// same hashing by OpenSSL.

import ArgumentParser
import GavelStorm

struct VerifyBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "How fast a ledger is verified, by level, and hashed.",
        discussion: """
              gavel benchmark verify --bids 1000000
              gavel benchmark verify --ledger house --runs 5

            Levels records (on all cores, and on one), fold and rules; a page of a history and a \
            first proof of one entry, each by a reader that has read nothing yet; then hashing \
            alone, beside as many blocks by `openssl speed -evp sha256 -bytes 119` where openssl \
            is installed. Figures of one core are by processor time.
            """)

    @OptionGroup var options: LedgerBenchmarkOptions

    func run() async throws {
        try await options.measure("verify") { path, figures in
            try VerifyMeasures(of: path).add(to: &figures)
        }
    }
}
