// From a caller's key to what the log calls the command.
//
// A caller's key is known to the caller, to proxies, to logs; the id of an entry is what keeps the
// entry from being guessed by its hash. So the log's id is made of the key, the user and the
// ledger's secret: the same call has the same id, after any crash and after a restore, without a
// table of keys; nobody outside can compute one; and two users with one key have two ids.
//
// Invariant: the time in an id is the key's own, so that the ledger refuses a key that is too old
// or lies ahead as it would refuse the id.

internal import AuctionDomain
internal import Gavel

/// Makes the ids of commands, and the names of auctions that are opened without one.
struct CommandIDs: Sendable {
    let secret: LedgerSecret

    /// The id of the command that a user submits under a key.
    func id(of key: CommandID, by user: UserID) -> CommandID {
        id(key, secret.code(.commandID, of: Self.message(key, user)))
    }

    /// The id of the command that registers who signs up under a key, and so is no user yet.
    func signUpID(of key: CommandID) -> CommandID {
        id(key, secret.code(.signUpID, of: Self.message(key, nil)))
    }

    /// The name of the auction that a user opens under a key without naming it. It tells nothing of
    /// the key, nor of the command's id.
    func auctionName(of key: CommandID, by user: UserID) -> AuctionID {
        let code = secret.code(.auctionName, of: Self.message(key, user))
        return AuctionID(unchecked: "a" + Array(code.prefix(16)).hexadecimal)
    }

    private func id(_ key: CommandID, _ code: [UInt8]) -> CommandID {
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }
        return CommandID(
            milliseconds: key.milliseconds, randomHigh: word(code[0..<2]),
            randomLow: word(code[2..<10]))
    }

    /// The key has always 16 bytes, so no user's name reads as a part of it.
    private static func message(_ key: CommandID, _ user: UserID?) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in [key.high, key.low] {
            for shift in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * shift)))
            }
        }
        if let user { bytes += user.string.utf8 }
        return bytes
    }
}
