// The `gavel-server` program: everything that it does stands in GavelServerCommands.

import GavelServerCommands

@main
enum Main {
    static func main() { ServerCommand.start() }
}
