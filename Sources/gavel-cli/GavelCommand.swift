// The `gavel` command.
import ArgumentParser

@main
struct GavelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "gavel")
}
