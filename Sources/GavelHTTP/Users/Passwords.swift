// Passwords: hashed with scrypt, on threads of their own.
//
// Invariants: a hash keeps the parameters it was made with; at most one hash a core is under way
// and at most `waitingMax` wait, each takes 32 MiB while it runs; no event loop and no task's
// thread ever hashes; where there is no account the same work is done against a hash that nothing
// matches, so that neither the answer nor its time tells. (An account whose hash was made with
// cheaper parameters is answered sooner until its owner has signed in once.)

internal import AuctionDomain
internal import Crypto
internal import CryptoExtras
internal import Foundation

/// A password's hash with all that is needed to check one against it.
struct PasswordHash: Codable, Hashable, Sendable {
    /// The key that scrypt derives makes an HMAC with SHA-256, which is what is kept.
    var algorithm = "scrypt-hmac-sha256"
    /// N as a power of two, r and p of RFC 7914.
    var costLog2: Int
    var blockSize = 8
    var parallelism = 3
    var salt: [UInt8]
    var hash: [UInt8]

    /// What the cost may be, as a power of two: with the block size of 8 up to 1 GiB.
    static let costs = 1...20

    /// Hashes a password with a new salt.
    init(_ password: Password, costLog2: Int) throws {
        self.costLog2 = costLog2
        salt = Drawing.bytes(16)
        hash = []
        hash = try derive(password)
    }

    /// One that no password matches, as dear as any.
    private init(nothingAt costLog2: Int) {
        self.costLog2 = costLog2
        salt = Drawing.bytes(16)
        hash = Drawing.bytes(32)
    }

    static func nothing(costLog2: Int) -> PasswordHash { PasswordHash(nothingAt: costLog2) }

    func matches(_ password: Password) throws -> Bool {
        try derive(password).isEqualInConstantTime(to: hash)
    }

    private func derive(_ password: Password) throws -> [UInt8] {
        let key = try KDF.Scrypt.deriveKey(
            from: password.bytes, salt: salt, outputByteCount: 32, rounds: 1 << costLog2,
            blockSize: blockSize, parallelism: parallelism)
        // The key's own bytes are lent as a raw pointer only; a code made with it says the same.
        return Array(HMAC<SHA256>.authenticationCode(for: Array("gavel".utf8), using: key))
    }
}

extension PasswordHash {
    /// Reads a hash that is kept. What somebody has put there must neither stop the service nor
    /// keep it busy for years.
    /// - Throws: `MalformedValue` naming the parameter, its value and what it may be.
    init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys, _ what: String, in range: ClosedRange<Int>) throws -> Int {
            let value = try row.decode(Int.self, forKey: key)
            guard range.contains(value) else {
                throw MalformedValue(
                    "\(what) of the password's hash is \(value), and must be from "
                        + "\(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
        algorithm = try row.decode(String.self, forKey: .algorithm)
        costLog2 = try number(.costLog2, "the cost, as a power of two,", in: Self.costs)
        blockSize = try number(.blockSize, "the block size", in: 1...32)
        parallelism = try number(.parallelism, "the parallelism", in: 1...16)
        salt = try row.decode([UInt8].self, forKey: .salt)
        hash = try row.decode([UInt8].self, forKey: .hash)
    }
}

/// A password as it was typed; never printed.
struct Password: Sendable, CustomStringConvertible, CustomReflectable {
    static let characters = 10...256

    /// UTF-8 in the composed normal form: however a keyboard makes an umlaut, it is the same.
    let bytes: [UInt8]
    /// Whether it may be chosen; any text may be tried.
    let isLongEnough: Bool

    init(_ text: String) {
        bytes = Array(text.precomposedStringWithCanonicalMapping.utf8)
        isLongEnough = Self.characters.contains(text.unicodeScalars.count)
    }

    /// Checks a password that is being chosen.
    /// - Throws: `malformed`.
    func check(field: String, for username: String?) throws(Problem) {
        guard isLongEnough else {
            throw Problem(
                .malformed,
                "\(field) must have \(Self.characters.lowerBound) to "
                    + "\(Self.characters.upperBound) characters")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if text.lowercased() == username?.lowercased() {
            throw Problem(.malformed, "\(field) must not be the user name")
        }
    }

    var description: String { "(a password)" }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// Hashes and checks passwords, in turn for those who cause it.
final class PasswordHasher: Sendable {
    let costLog2: Int
    private let nothing: PasswordHash
    let workers: FairWorkers

    init(
        costLog2: Int, threads: Int = ProcessInfo.processInfo.activeProcessorCount,
        waitingMax: Int = 64
    ) {
        self.costLog2 = costLog2
        nothing = .nothing(costLog2: costLog2)
        workers = FairWorkers(name: "passwords", threads: threads, waitingMax: waitingMax)
    }

    /// - Throws: `busy`.
    func hash(_ password: Password, for causer: Causer = .house) async throws -> PasswordHash {
        let costLog2 = costLog2
        return try await workers.run(for: causer) { try PasswordHash(password, costLog2: costLog2) }
    }

    /// Whether a password is the account's; without one, never, after the same work.
    /// - Throws: `busy`.
    func matches(
        _ password: Password, _ hash: PasswordHash?, for causer: Causer = .house
    ) async throws -> Bool {
        let compared = hash ?? nothing
        let matches = try await workers.run(for: causer) { try compared.matches(password) }
        return matches && hash != nil
    }

    /// Whether a hash was made with cheaper parameters than hashes are made with now.
    func isOutdated(_ hash: PasswordHash) -> Bool { hash.costLog2 < costLog2 }
}
