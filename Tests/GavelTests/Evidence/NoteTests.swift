// Keys, signed notes, checkpoints and cosignatures, held to the examples of Go's sumdb/note and
// of C2SP, and to vectors made with Python's hashlib and cryptography.

import AuctionDomain
import Testing

@testable import Gavel

/// What the tests of evidence share: keys whose private half is public, and a checkpoint of the
/// first seven leaves of the Certificate Transparency test tree.
enum Sample {
    static let signingKey =
        "PRIVATE+KEY+ledger.example/house+146e08ed+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    static let vkey =
        "ledger.example/house+146e08ed+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    static let witnessKey =
        "PRIVATE+KEY+witness.example/w1+20324abe+BCAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/"
    static let witnessVkey =
        "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
    static let text = """
        ledger.example/house
        7
        3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=

        """
    static let signature = """
        — ledger.example/house FG4I7e/o8DiP26MjIqZSpX86uP5aanunM6Oz9RlFVZ3ugfm9e4Z+GOFeLRhpxKurtI\
        OzKOm8obU40rFUSunhxZKJowA=

        """
    static let cosignature = """
        — witness.example/w1 IDJKvgAAAABkGFDLaA2Bjh26X3xnIAhA+gRg9d/wQM5oXZzPsXbB3FtgAfAe3kur/j7UQ\
        cjRV/EdKjmdfuwWNFxzUZnEscCb0TtEBA==

        """
    static let checkpoint = "\(text)\n\(signature)\(cosignature)"

    static func key() throws -> SigningKey { try SigningKey(signingKey) }
    static func witness() throws -> WitnessKey { try WitnessKey(witnessKey) }
}

private let peterKey =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
private let peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
private let enoch = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
private let noteText = """
    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    """
private let peterLine = """
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6\
    KE6RyyBwJnAM=

    """
private let enochLine = """
    — EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WW\
    d1RvMc+QQ=

    """

private func note(_ text: String) throws -> SignedNote { try SignedNote(parsing: Array(text.utf8)) }

@Suite("Base64")
struct Base64Tests {
    @Test("The vectors of RFC 4648 come out, both ways")
    func vectors() {
        let vectors = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ]
        for (bytes, text) in vectors {
            #expect(Base64.encode(bytes.utf8) == text)
            #expect(Base64.decode(Array(text.utf8)) == Array(bytes.utf8))
        }
        let all = (0...255).map { UInt8($0) }
        for count in 0...255 {
            let bytes = Array(all[count...])
            #expect(Base64.decode(Array(Base64.encode(bytes).utf8)) == bytes)
        }
    }

    @Test("What encode would not write is not read: no spaces, no missing padding, no stray bits")
    func strictness() {
        let wrong = [
            "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Zm9v\n", " Zm9v", "Zm9v====", "====", "=",
            "Z===", "Zm=v", "Zm-v", "Zm_v", "Zm9vZg==Zm9v", "Zg=A", "Z\u{e9}8=",
        ]
        for text in wrong { #expect(Base64.decode(Array(text.utf8)) == nil, "\(text)") }
    }
}

@Suite("Keys")
struct KeyTests {
    @Test("Keys of other tools are read, and written again as they were")
    func roundTrip() throws {
        for text in [peter, enoch, Sample.vkey, Sample.witnessVkey] {
            #expect(try VerifierKey(text).description == text)
            #expect(try VerifierKey(text + "\n").description == text)
        }
        #expect(try SigningKey(peterKey).verifier.description == peter)
        #expect(try SigningKey(peterKey).fileText == peterKey + "\n")
        #expect(try Sample.key().verifier.description == Sample.vkey)
        #expect(try Sample.witness().verifier.description == Sample.witnessVkey)
        #expect(try Sample.witness().fileText == Sample.witnessKey + "\n")
        #expect(try VerifierKey(peter).type == .signature)
        #expect(try VerifierKey(Sample.witnessVkey).type == .cosignature)
    }

    @Test("No part of a key's text and no text with one byte changed is a key")
    func mangled() {
        func mangle(_ text: String, _ read: (String) throws -> Void) {
            let bytes = Array(text.utf8)
            for start in 0...bytes.count {
                for end in start...bytes.count where end - start < bytes.count {
                    let part = String(decoding: bytes[start..<end], as: UTF8.self)
                    #expect(throws: EvidenceError.self, "\(part)") { try read(part) }
                }
            }
            for index in bytes.indices {
                var changed = bytes
                changed[index] += 1
                let other = String(decoding: changed, as: UTF8.self)
                #expect(throws: EvidenceError.self, "\(other)") { try read(other) }
            }
        }
        mangle(peter) { _ = try VerifierKey($0) }
        mangle(Sample.witnessVkey) { _ = try VerifierKey($0) }
        mangle(peterKey) { _ = try SigningKey($0) }
        mangle(Sample.witnessKey) { _ = try WitnessKey($0) }
    }

    @Test("A wrong key is refused with what is wrong")
    func reasons() {
        func reason(_ text: String) -> String {
            do { return "read: \(try VerifierKey(text))" } catch { return error.reason }
        }
        #expect(reason("nonsense") == "a verifier key is NAME+KEYID+BASE64")
        #expect(
            reason("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
                == "the key id in a verifier key is not 8 lower-case hexadecimal digits")
        #expect(
            reason("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
                == "the key id in a verifier key is c74f20a4, but name and key give c74f20a3")
        // Go's own bad keys: too long, and of an unknown type, with ids that fit.
        #expect(
            reason("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==")
                == "the last part of a verifier key is not base64")
        #expect(
            reason("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
                == "a verifier key has type 101; known are 1 (Ed25519) and 4 (Ed25519 cosignature)")
        #expect(reason("a b+c74f20a3+AQ==").contains("no spaces"))
        #expect(reason("a\u{2003}b+c74f20a3+AQ==").contains("no spaces"))
        #expect(reason("+c74f20a3+AQ==").contains("1 to 256 bytes"))
        // A witness's key cannot sign as a log, nor the other way round.
        #expect(throws: EvidenceError.self) { try SigningKey(Sample.witnessKey) }
        #expect(throws: EvidenceError.self) { try WitnessKey(Sample.signingKey) }
    }

    @Test("No message and no description shows a private key")
    func secrecy() throws {
        let secret = "YEKFALVFGyNhPJEMzD1QIDr"
        #expect(!"\(try SigningKey(peterKey))".contains(secret))
        let damaged = peterKey.replacing("c74f20a3", with: "c74f20a4")
        do {
            _ = try SigningKey(damaged)
            Issue.record("a key with a wrong id was read")
        } catch {
            #expect(!"\(error)".contains(secret))
        }
    }

    @Test("A new key is its own, and comes back from its file")
    func generating() throws {
        let key = try SigningKey.generate(name: "ledger.example/new")
        let other = try SigningKey.generate(name: "ledger.example/new")
        #expect(key.verifier != other.verifier)
        #expect(try SigningKey(key.fileText).verifier == key.verifier)
        let bytes = Array("a key rotation".utf8)
        #expect(key.verifier.isSignature(try key.signature(of: bytes), of: bytes))
        #expect(!other.verifier.isSignature(try key.signature(of: bytes), of: bytes))
        #expect(throws: EvidenceError.self) { try SigningKey.generate(name: "two words") }
    }

    @Test("A file of keys has one a line, and comments")
    func files() throws {
        let file = "# the house\n\(peter)\n\n\(enoch)\n"
        #expect(
            try VerifierKey.keys(inFile: Array(file.utf8)).map(\.description) == [peter, enoch])
        #expect(throws: EvidenceError.self) { try VerifierKey.keys(inFile: Array("# no\n".utf8)) }
        do {
            _ = try VerifierKey.keys(inFile: Array("\(peter)\nno key\n".utf8))
            Issue.record("a file with a line that is no key was read")
        } catch {
            #expect(error.reason.hasPrefix("line 2 is no verifier key"))
        }
    }
}

@Suite("Signed notes")
struct NoteTests {
    @Test("Go's example note is verified by its key, and signed again as it was")
    func example() throws {
        let read = try note(noteText + "\n" + peterLine)
        #expect(try read.verify(by: [VerifierKey(peter)]) == [VerifierKey(peter)])
        #expect(read.bytes == Array((noteText + "\n" + peterLine).utf8))
        #if os(Linux)
            // Elsewhere the system's Ed25519 draws what it need not.
            let key = try SigningKey(peterKey)
            let signed = try SignedNote(text: noteText).adding(
                SignedNote.Signature(
                    by: key.verifier, bytes: try key.signature(of: Array(noteText.utf8))))
            #expect(signed == read)
        #endif
    }

    @Test("Unknown keys' signatures are ignored and kept; a known key's that is wrong is not")
    func unknownSignatures() throws {
        let (first, second) = (try VerifierKey(peter), try VerifierKey(enoch))
        let both = try note(noteText + "\n" + peterLine + enochLine)
        #expect(try both.verify(by: [first]) == [first])
        #expect(try both.verify(by: [second]) == [second])
        #expect(try both.verify(by: [first, second]) == [first, second])
        #expect(both.signatures.map(\.name) == ["PeterNeumann", "EnochRoot"])
        #expect(throws: EvidenceError(.notSigned, "")) { try both.verify(by: []) }
        // Twice the same counts once.
        #expect(try note(noteText + "\n" + peterLine + peterLine).verify(by: [first]) == [first])
        // A known key's name or id alone is not the key's signature.
        let renamed = peterLine.replacing("PeterNeumann", with: "CarmenSandiego")
        let otherID = peterLine.replacing("x08g", with: "xxxx")
        for line in [renamed, otherID] {
            #expect(throws: EvidenceError(.notSigned, "")) {
                try note(noteText + "\n" + line).verify(by: [first])
            }
            #expect(
                try note(noteText + "\n" + line + peterLine).verify(by: [first]) == [first])
        }
        let wrong = enochLine.replacing("5n2t", with: "5n3t")
        #expect(throws: EvidenceError(.notSigned, "")) {
            try note(noteText + "\n" + peterLine + wrong).verify(by: [first, second])
        }
        #expect(try note(noteText + "\n" + peterLine + wrong).verify(by: [first]) == [first])
        let tooLong = enochLine.replacing("5n2t", with: "5nABCD2t")
        #expect(throws: EvidenceError(.notSigned, "")) {
            try note(noteText + "\n" + tooLong).verify(by: [second])
        }
    }

    @Test("A note that is not exactly of the form is refused")
    func malformed() throws {
        let whole = noteText + "\n" + peterLine
        let wrong = [
            "", "\n", "\n\n", noteText, noteText + "\n", noteText + peterLine,
            String(whole.dropLast()), "\u{1}" + whole, "a\tb\n" + whole, "a\r\n" + whole,
            noteText + "\n— Bad Name x08go/ZJkuBS9UG/SffcvIAQxVBt\n",
            whole + "Unexpected line.\n", whole + "\n",
            noteText + "\n— PeterNeumann x08g\n", noteText + "\n— PeterNeumann x08go\n",
            noteText + "\n— PeterNeumann x08gow==\n", noteText + "\n— PeterNeumann\n",
            noteText + "\n—  x08goxx=\n", noteText + "\n—PeterNeumann x08goxx=\n",
            noteText + "\n- PeterNeumann x08goxx=\n", noteText + "\n— Peter+Neumann x08goxx=\n",
            noteText + "\n" + String(repeating: peterLine, count: 101),
        ]
        for text in wrong {
            #expect(throws: EvidenceError(.malformed, ""), "\(text.debugDescription)") {
                try note(text)
            }
        }
        #expect(throws: EvidenceError(.malformed, "")) {
            try SignedNote(parsing: [0xFF] + Array(whole.utf8))
        }
        #expect(throws: EvidenceError(.malformed, "")) {
            try SignedNote(parsing: [UInt8](repeating: 0x61, count: SignedNote.bytesMax + 1))
        }
        // Sixteen signatures must be read, and an empty line may stand in the text.
        let sixteen = try note(noteText + "\n" + String(repeating: peterLine, count: 16))
        #expect(sixteen.signatures.count == 16)
        #expect(try note("a\n\nb\n\n" + peterLine).text == "a\n\nb\n")
    }

    @Test("A note with any one byte changed proves nothing, and nothing traps")
    func flippedBytes() throws {
        let key = try VerifierKey(peter)
        let bytes = Array((noteText + "\n" + peterLine).utf8)
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                #expect(throws: EvidenceError.self, "byte \(index), bit \(bit)") {
                    try SignedNote(parsing: changed).verify(by: [key])
                }
            }
            #expect(throws: EvidenceError.self) {
                try SignedNote(parsing: Array(bytes[..<index])).verify(by: [key])
            }
        }
    }
}

@Suite("Checkpoint files")
struct CheckpointTextTests {
    @Test("The example of C2SP is read, and written as it was")
    func example() throws {
        let text = """
            example.com/behind-the-sofa
            20852163
            CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5\
            /Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
            — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrD\
            JsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==

            """
        let signed = try SignedCheckpoint(parsing: Array(text.utf8))
        #expect(signed.checkpoint.origin == "example.com/behind-the-sofa")
        #expect(signed.checkpoint.size == 20_852_163)
        #expect(
            signed.checkpoint.root.description
                == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
        #expect(signed.bytes == Array(text.utf8))
        // The time in the witness's signature is the one the specification shows.
        #expect(Cosignature(signed.note.signatures[1])?.seconds == 1_679_315_147)
    }

    @Test("A checkpoint that Python signed and cosigned is verified, and made again as it was")
    func vector() throws {
        let signed = try SignedCheckpoint(parsing: Array(Sample.checkpoint.utf8))
        let key = try VerifierKey(Sample.vkey)
        let witness = try VerifierKey(Sample.witnessVkey)
        let verified = try signed.verified(by: [key], witnesses: [witness])
        #expect(verified.size == 7)
        #expect(verified.signers == [key])
        #expect(verified.cosignatures == [.init(witness: witness, seconds: 1_679_315_147)])
        #expect(try signed.verified(by: key).cosignatures == [])
        #if os(Linux)
            let made = try Checkpoint(origin: "ledger.example/house", size: 7, root: verified.root)
                .signed(by: Sample.key())
                .cosigned(by: Sample.witness(), atSeconds: 1_679_315_147)
            #expect(String(decoding: made.bytes, as: UTF8.self) == Sample.checkpoint)
        #endif
    }

    @Test("A log's own key says when it signed, as a cosignature that Python made has it too")
    func ownTime() throws {
        let line = """
            — ledger.example/house LdS4zAAAAABkGFDLXAXV5Oa+GSvbuzaFAL3KPrL9kIde3TYDWYWxX8V3tjXa\
            eAxW3kPGMm2VDOaDU43TpyLskQGlx1/GNv7H7HCLDA==

            """
        let key = try VerifierKey(Sample.vkey)
        let text = "\(Sample.text)\n\(Sample.signature)\(line)"
        let signed = try SignedCheckpoint(parsing: Array(text.utf8))
        #expect(try signed.verified(by: key).seconds == 1_679_315_147)
        #expect(signed.claimedSeconds == 1_679_315_147)
        #expect(signed.claimedTime == Timestamp(seconds: 1_679_315_147))
        #if os(Linux)
            let made = try signed.checkpoint.signed(by: Sample.key(), atSeconds: 1_679_315_147)
            #expect(String(decoding: made.bytes, as: UTF8.self) == text)
        #endif
        // The key of the log is no witness, and older checkpoints say no time.
        let own = try VerifierKey(
            name: key.name, type: .cosignature, publicKey: key.publicKey)
        #expect(try signed.verified(by: [key], witnesses: [own]).cosignatures == [])
        let older = try SignedCheckpoint(parsing: Array(Sample.checkpoint.utf8))
        #expect(try older.verified(by: key).seconds == nil && older.claimedSeconds == nil)
        // A wrong one spoils the whole, as every wrong signature of a known key does.
        let wrong = try SignedCheckpoint(
            parsing: Array(text.replacing("LdS4zAAAAABkGFDL", with: "LdS4zAAAAABkGFDM").utf8))
        #expect(throws: EvidenceError(.notSigned, "")) { try wrong.verified(by: key) }
        let late = try signed.checkpoint.signed(by: Sample.key(), atSeconds: UInt64(Int64.max))
        #expect(try late.verified(by: key).time != nil)
        #expect(throws: EvidenceError(.signing, "")) {
            try signed.checkpoint.signed(by: Sample.key(), atSeconds: UInt64(Int64.max) + 1)
        }
    }

    @Test("A witness's key is no log's key, and another log's checkpoint is not this one's")
    func roles() throws {
        let signed = try SignedCheckpoint(parsing: Array(Sample.checkpoint.utf8))
        #expect(throws: EvidenceError(.notSigned, "")) {
            try signed.verified(by: [VerifierKey(Sample.witnessVkey)])
        }
        let other = try SigningKey.generate(name: "ledger.example/other")
        let posing = try signed.checkpoint.signed(by: other)
        #expect(throws: EvidenceError(.notSigned, "")) { try posing.verified(by: other.verifier) }
        let expected = try posing.verified(by: [other.verifier], origin: "ledger.example/house")
        #expect(expected.signers == [other.verifier])
        // A known witness's signature that is wrong is not passed over.
        let forged = Sample.checkpoint.replacing("dfuwWNFxz", with: "dfuwWNFxy")
        let wrong = try SignedCheckpoint(parsing: Array(forged.utf8))
        #expect(throws: EvidenceError(.notSigned, "")) {
            try wrong.verified(
                by: [VerifierKey(Sample.vkey)], witnesses: [VerifierKey(Sample.witnessVkey)])
        }
    }

    @Test("A checkpoint that is not exactly of the form is refused; extension lines are kept")
    func malformed() throws {
        let root = "3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw="
        let wrong = [
            "", "a\n", "a\n7\n", "a\n7\n\(root)", "\n7\n\(root)\n", "a\n07\n\(root)\n",
            "a\n-7\n\(root)\n", "a\n+7\n\(root)\n", "a\n\n\(root)\n", "a\n7 \n\(root)\n",
            "a\n18446744073709551616\n\(root)\n", "a\n7\n\(root.dropLast())\n", "a\n7\nAAAA\n",
            "a\n7\n\(root)\n\n", "a\n7\n\(root)\nb\n\n",
        ]
        for text in wrong {
            #expect(throws: EvidenceError(.malformed, ""), "\(text.debugDescription)") {
                try Checkpoint(parsing: text)
            }
        }
        let extended = "a b\n18446744073709551615\n\(root)\none more\nand more\n"
        #expect(try Checkpoint(parsing: extended).extensions == ["one more", "and more"])
        #expect(try Checkpoint(parsing: extended).text == extended)
        #expect(try Checkpoint(parsing: "a\n0\n\(root)\n").size == 0)
        #expect(throws: EvidenceError.self) {
            try Checkpoint(origin: "two\nlines", size: 0, root: .empty)
        }
    }
}

@Suite("Witnesses")
struct WitnessTests {
    /// A log of so many entries, and its signed head.
    private struct Log {
        var tree = MemoryTree()
        let key: SigningKey

        init(_ key: SigningKey, entries: Range<UInt8>, last: UInt8? = nil) {
            self.key = key
            for entry in entries { tree.append([entry]) }
            if let last { tree.append([last]) }
        }

        func head(_ size: UInt64? = nil) throws -> SignedCheckpoint.Verified {
            let size = size ?? tree.size
            return try Checkpoint(
                origin: key.verifier.name, size: size, root: tree.root(ofSize: size)
            ).signed(by: key).verified(by: key.verifier)
        }

        func proof(from size: UInt64, to newSize: UInt64? = nil) throws -> ConsistencyProof {
            try ConsistencyProof.make(from: size, to: newSize ?? tree.size, in: tree)
        }
    }

    @Test("A log that grows is cosigned; the state comes back from its file")
    func growing() throws {
        let (key, witness) = (try Sample.key(), try Sample.witness())
        var state = WitnessState()
        #expect(try WitnessState(parsing: state.bytes) == state)
        let log = Log(key, entries: 0..<100)
        var seen: UInt64 = 0
        for size: UInt64 in [0, 1, 1, 64, 65, 99, 100] {
            let head = try log.head(size)
            let cosigned = try state.cosign(
                head, proof: log.proof(from: seen, to: size), by: witness, atSeconds: size)
            let verified = try cosigned.verified(by: [key.verifier], witnesses: [witness.verifier])
            #expect(verified.cosignatures == [.init(witness: witness.verifier, seconds: size)])
            #expect(state.latest(of: "ledger.example/house") == cosigned)
            #expect(try WitnessState(parsing: state.bytes) == state)
            seen = size
        }
        // Another log beside it.
        let other = Log(try SigningKey.generate(name: "ledger.example/two"), entries: 0..<3)
        _ = try state.cosign(
            other.head(), proof: other.proof(from: 0), by: witness, atSeconds: 7)
        #expect(state.checkpoints.map(\.checkpoint.size) == [100, 3])
        #expect(try WitnessState(parsing: state.bytes) == state)
    }

    @Test("A log that went back, was rewritten or is not proven to go on is refused, and why")
    func refusing() throws {
        let (key, witness) = (try Sample.key(), try Sample.witness())
        let log = Log(key, entries: 0..<100)
        let forked = Log(key, entries: 0..<99, last: 200)
        var state = WitnessState()
        _ = try state.cosign(log.head(), proof: log.proof(from: 0), by: witness, atSeconds: 1)
        let before = state
        func refusal(_ log: Log, _ size: UInt64, _ proof: ConsistencyProof) throws -> EvidenceError?
        {
            let head = try log.head(size)
            do {
                _ = try state.cosign(head, proof: proof, by: witness, atSeconds: 2)
                return nil
            } catch {
                return error
            }
        }
        let back = try refusal(log, 90, log.proof(from: 90, to: 90))
        #expect(back?.code == .rolledBack)
        #expect(
            back?.reason == "ledger.example/house shows 90 entries, but had signed 100 before: "
                + "entries were taken away, or an old copy is shown")
        let rewritten = try refusal(forked, 100, forked.proof(from: 100))
        #expect(rewritten?.code == .forked)
        #expect(rewritten?.reason.contains("two different histories of 100 entries") == true)
        var longer = forked
        for entry: UInt8 in 100..<120 { longer.tree.append([entry]) }
        #expect(try refusal(longer, 120, longer.proof(from: 100))?.code == .forked)
        var grown = log
        for entry: UInt8 in 100..<120 { grown.tree.append([entry]) }
        #expect(try refusal(grown, 120, grown.proof(from: 99))?.code == .notProven)
        #expect(try refusal(grown, 120, grown.proof(from: 100, to: 119))?.code == .notProven)
        #expect(state == before)
        #expect(try refusal(grown, 120, grown.proof(from: 100)) == nil)
        // A root for no entries.
        let empty = try Checkpoint(origin: "ledger.example/house", size: 0, root: log.head().root)
            .signed(by: key).verified(by: key.verifier)
        var fresh = WitnessState()
        #expect(throws: EvidenceError(.forked, "")) {
            try fresh.cosign(empty, proof: log.proof(from: 0, to: 0), by: witness, atSeconds: 1)
        }
    }

    @Test("A witness's file with any byte changed is refused or says so; nothing traps")
    func flippedBytes() throws {
        let log = Log(try Sample.key(), entries: 0..<5)
        var state = WitnessState()
        _ = try state.cosign(
            log.head(), proof: log.proof(from: 0), by: Sample.witness(), atSeconds: 1)
        let bytes = state.bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1 << (index % 8)
            if let read = try? WitnessState(parsing: changed) { #expect(read != state) }
        }
        let twice = bytes + Array(bytes.drop { $0 != 0x0A }.dropFirst())
        #expect(throws: EvidenceError(.malformed, "")) { try WitnessState(parsing: twice) }
    }
}
