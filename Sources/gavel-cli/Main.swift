// The `gavel` program: everything that it does stands in GavelCommands.

import GavelCommands

@main
enum Main {
    static func main() { GavelCommand.start() }
}
