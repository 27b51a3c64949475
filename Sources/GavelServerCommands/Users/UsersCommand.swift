// `gavel-server users`: accounts administered where the ledger is, the first operator among them.

import ArgumentParser
import AuctionDomain
import Gavel
import GavelHTTP

struct UsersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users",
        abstract: "Administer accounts of a ledger that is not being served.",
        discussion: """
              gavel-server users add ada --ledger house --role operator < password.txt
              gavel-server users list --ledger house

            Roles: operator (staff), auditor (reads everything), payment (charges wallets). \
            Exit codes: 0 done; 1 refused by the state of the account; 2 wrong usage or an \
            unknown name; 4 the ledger cannot be opened, as while it is being served.
            """,
        subcommands: [
            UsersAdd.self, UsersList.self, UsersRoles.self, UsersPassword.self, UsersClose.self,
        ])
}

struct UsersAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add an account, and the ledger where there is none yet.",
        discussion: "Prints the user of the ledger that the account is for.")

    @OptionGroup var options: AdministrationOptions
    @OptionGroup var password: PasswordOptions

    @Option(
        name: .customLong("role"),
        help: ArgumentHelp("A role; may be given several times.", valueName: "role"))
    var roles: [String] = []

    @Option(
        help: ArgumentHelp(
            "The account is for this user of the ledger, as after an import.", valueName: "id"))
    var user: String?

    @Argument(help: ArgumentHelp("The name to sign in with.", valueName: "name"))
    var name: String

    func run() async throws {
        let text = try password.read()
        try await options.administer(
            usesLedger: true, creates: user == nil, passwordCostLog2: password.passwordCost
        ) { accounts in
            let added = try await accounts.add(
                name, password: text, roles: roles, for: user.map { UserID(unchecked: $0) })
            print(added)
        }
    }
}

struct UsersList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List all accounts, a line each.",
        discussion: "User, name, status and roles, separated by tabs; - where there is none.")

    @OptionGroup var options: AdministrationOptions

    func run() async throws {
        try await options.administer { accounts in
            for account in try accounts.list() {
                let roles = account.roles.isEmpty ? "-" : account.roles.joined(separator: ",")
                let fields = [
                    account.user.string, account.username ?? "-", account.status, roles,
                ]
                print(fields.joined(separator: "\t"))
            }
        }
    }
}

struct UsersRoles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roles", abstract: "Give an account other roles.",
        discussion: "--set '' takes all roles away.")

    @OptionGroup var options: AdministrationOptions

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("All roles, separated by commas.", valueName: "roles"))
    var roles: String

    @Argument(help: ArgumentHelp("The name to sign in with.", valueName: "name"))
    var name: String

    func run() async throws {
        try await options.administer { accounts in
            try await accounts.setRoles(
                of: name, to: roles.split(separator: ",").map(String.init))
        }
    }
}

struct UsersPassword: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "password", abstract: "Give an account another password.",
        discussion: "All its sessions end.")

    @OptionGroup var options: AdministrationOptions
    @OptionGroup var password: PasswordOptions

    @Argument(help: ArgumentHelp("The name to sign in with.", valueName: "name"))
    var name: String

    func run() async throws {
        let text = try password.read()
        try await options.administer(passwordCostLog2: password.passwordCost) { accounts in
            try await accounts.setPassword(of: name, to: text)
        }
    }
}

struct UsersClose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Close an account and erase what is personal.",
        discussion: "Refused while its wallet holds money, or an auction of its is not over.")

    @OptionGroup var options: AdministrationOptions

    @Argument(help: ArgumentHelp("The name to sign in with.", valueName: "name"))
    var name: String

    func run() async throws {
        try await options.administer(usesLedger: true) { accounts in
            try await accounts.close(name)
        }
    }
}
