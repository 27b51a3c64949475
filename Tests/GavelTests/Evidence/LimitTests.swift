// Nothing is written that its reader refuses: every limit is held on both sides by the same
// constant. Each is tried by a round trip at the limit and with one more.

import AuctionDomain
import GavelJSON
import GavelTesting
import Platform
import Testing

@testable import Gavel

@Suite("Limits that writer and reader share: evidence")
struct EvidenceLimitTests {
    private static let house = "ledger.example/house"

    /// A signature line that no known key claims, of so many bytes in all.
    private static func strangers(_ number: Int, bytes: Int? = nil) -> String {
        let line = "— stranger.example/\(number) \(Base64.encode([1, 2, 3, 4, 5, 6]))\n"
        guard let bytes else { return line }
        let name = String(repeating: "s", count: bytes - line.utf8.count)
        return "— \(name)\(line.dropFirst(2))"
    }

    /// A checkpoint of seven entries that the house signed, with further signature lines.
    private static func checkpoint(strangers count: Int) throws -> SignedCheckpoint {
        let lines = (0..<count).map { strangers($0) }.joined()
        return try SignedCheckpoint(
            parsing: Array("\(Sample.text)\n\(Sample.signature)\(lines)".utf8))
    }

    private static func verified(_ signed: SignedCheckpoint) throws -> SignedCheckpoint.Verified {
        try signed.verified(by: VerifierKey(Sample.vkey))
    }

    @Test("A witness cosigns a note of 99 signatures, and refuses one of 100 without a trace")
    func witness() throws {
        let proof = try ConsistencyProof(oldSize: 0, newSize: 7, hashes: [])
        var state = WitnessState()
        let room = try Self.verified(Self.checkpoint(strangers: 98))
        let cosigned = try state.cosign(
            room, proof: proof, by: Sample.witness(), atSeconds: 1)
        #expect(cosigned.note.signatures.count == SignedNote.signaturesMax)
        #expect(try WitnessState(parsing: state.bytes) == state)
        #expect(try SignedCheckpoint(parsing: cosigned.bytes) == cosigned)
        // Its own line takes the place of its former one, so the full note can be cosigned again.
        let again = try state.cosign(
            Self.verified(cosigned),
            proof: try ConsistencyProof(oldSize: 7, newSize: 7, hashes: []), by: Sample.witness(),
            atSeconds: 2)
        #expect(again.note.signatures.count == SignedNote.signaturesMax)
        #expect(try WitnessState(parsing: state.bytes) == state)

        var other = WitnessState()
        let full = try Self.verified(Self.checkpoint(strangers: 99))
        #expect(full.signed.note.signatures.count == SignedNote.signaturesMax)
        do {
            _ = try other.cosign(full, proof: proof, by: Sample.witness(), atSeconds: 1)
            Issue.record("a note of 101 signatures was made")
        } catch let error as EvidenceError {
            #expect(error.code == .signing && error.reason.contains("more than 100 signatures"))
        }
        #expect(other == WitnessState())
    }

    @Test("A note has at most a million bytes, and no signature takes it beyond")
    func noteBytes() throws {
        let key = try Sample.key()
        // Extension lines make the text as long as one likes.
        func checkpoint(_ padding: Int) throws -> Checkpoint {
            try Checkpoint(parsing: Sample.text + String(repeating: "x", count: padding) + "\n")
        }
        let plain = try checkpoint(1).signed(by: key).bytes.count
        let room = SignedNote.bytesMax - plain + 1
        let signed = try checkpoint(room).signed(by: key)
        #expect(signed.bytes.count == SignedNote.bytesMax)
        #expect(try SignedCheckpoint(parsing: signed.bytes) == signed)
        #expect(throws: EvidenceError(.signing, "")) {
            try checkpoint(room + 1).signed(by: key)
        }
        #expect(throws: EvidenceError(.signing, "")) {
            try signed.cosigned(by: Sample.witness(), atSeconds: 1)
        }
    }

    @Test("The first and the last second of a cosignature come back; one more is not signed")
    func cosignatureTimes() throws {
        let (witness, key) = (try Sample.witness(), try VerifierKey(Sample.vkey))
        let signed = try Self.checkpoint(strangers: 0)
        for seconds in [0, UInt64(Int64.max)] {
            let cosigned = try signed.cosigned(by: witness, atSeconds: seconds)
            let read = try SignedCheckpoint(parsing: cosigned.bytes)
                .verified(by: [key], witnesses: [witness.verifier])
            #expect(read.cosignatures.map(\.seconds) == [seconds])
        }
        #expect(throws: EvidenceError(.signing, "")) {
            try signed.cosigned(by: witness, atSeconds: UInt64(Int64.max) + 1)
        }
    }

    @Test("A key's name has 1 to 256 bytes wherever it is written, and comes back from every place")
    func keyNames() throws {
        let long = String(repeating: "ä", count: 128)
        for name in ["k", long, "#house", "—", "a\u{7F}b"] {
            let key = try SigningKey.generate(name: name)
            let verifier = key.verifier
            #expect(try SigningKey(key.fileText).verifier == verifier, "\(name)")
            #expect(try VerifierKey("\(verifier)\n") == verifier, "\(name)")
            // Also where it stands in a file of keys, among comments and keys commented out.
            let file = "# keys\n#\(Sample.vkey)\n\(verifier)\n"
            #expect(try VerifierKey.keys(inFile: Array(file.utf8)) == [verifier], "\(name)")
            let signed = try Checkpoint(origin: name, size: 1, root: .empty).signed(by: key)
            #expect(try SignedCheckpoint(parsing: signed.bytes).verified(by: verifier).size == 1)
            var state = WitnessState()
            _ = try state.cosign(
                try signed.verified(by: verifier),
                proof: try ConsistencyProof(oldSize: 0, newSize: 1, hashes: []),
                by: Sample.witness(), atSeconds: 1)
            #expect(try WitnessState(parsing: state.bytes) == state)
        }
        for name in ["", long + "x", "a b", "a+b", "a\nb", "a\u{2028}b", "a\u{85}b"] {
            #expect(throws: EvidenceError(.malformed, ""), "\(name.debugDescription)") {
                try SigningKey.generate(name: name)
            }
            #expect(throws: EvidenceError(.malformed, ""), "\(name.debugDescription)") {
                try Checkpoint(origin: name, size: 1, root: .empty)
            }
        }
    }

    @Test("A proof has at most 128 hashes, where it is made and where it is read")
    func proofHashes() throws {
        let signed = try Self.checkpoint(strangers: 0)
        let key = try VerifierKey(Sample.vkey)
        for count in [0, 64, proofHashesMax] {
            let hashes = [LedgerHash](repeating: .empty, count: count)
            let file = ProofFile(
                extra: [UInt8](repeating: 9, count: Limits.entryBytesMax),
                proof: try InclusionProof(index: .max, hashes: hashes), checkpoint: signed)
            #expect(try ProofFile(parsing: file.bytes) == file)
            #expect(throws: EvidenceError(.notProven, "")) {
                try file.verify(entry: [9], by: [key])
            }
            let growth = try ConsistencyProof(oldSize: .max, newSize: 7, hashes: hashes)
            let read = try ConsistencyProof.parse(growth.fileBytes(with: signed))
            #expect(read.proof == growth && read.checkpoint == signed)
            #expect(!read.proof.proves(oldRoot: .empty, newRoot: signed.checkpoint.root))
        }
        let more = [LedgerHash](repeating: .empty, count: proofHashesMax + 1)
        #expect(throws: EvidenceError(.malformed, "")) {
            try InclusionProof(index: 0, hashes: more)
        }
        #expect(throws: EvidenceError(.malformed, "")) {
            try ConsistencyProof(oldSize: 1, newSize: 7, hashes: more)
        }
        let text = "\(more.evidenceLines)\n\(Sample.checkpoint)"
        #expect(throws: EvidenceError(.malformed, "")) {
            try ProofFile(parsing: Array("c2sp.org/tlog-proof@v1\nindex 0\n\(text)".utf8))
        }
        #expect(throws: EvidenceError(.malformed, "")) {
            try ConsistencyProof.parse(Array("old 1\n\(text)".utf8))
        }
    }

    @Test("A file of evidence has at most 256 entries, where it is made and where it is read")
    func evidenceEntries() throws {
        let signed = try Self.checkpoint(strangers: 0)
        func parts(_ count: Int) throws -> [ProofPart] {
            try (0..<count).map {
                ProofPart(extra: [1], proof: try InclusionProof(index: UInt64($0), hashes: []))
            }
        }
        let most = try EvidenceBundle(parts: parts(EvidenceBundle.entriesMax), checkpoint: signed)
        #expect(try EvidenceBundle(parsing: most.bytes) == most)
        #expect(throws: EvidenceError(.incomplete, "")) {
            try EvidenceBundle(parts: parts(EvidenceBundle.entriesMax + 1), checkpoint: signed)
        }
        let text = String(decoding: most.bytes, as: UTF8.self)
        #expect(throws: EvidenceError(.malformed, "")) {
            try EvidenceBundle(
                parsing: Array(text.replacing("entries 256", with: "entries 257").utf8))
        }
    }

    @Test("A bundle takes entries of up to 65,535 bytes")
    func bundles() throws {
        let most = [UInt8](repeating: 7, count: Limits.entryBytesMax)
        let bundle = try HashTile.bundle(of: [most, [1]])
        #expect(bundle == [0xFF, 0xFF] + most + [0, 1, 1])
        #expect(throws: EvidenceError(.malformed, "")) {
            try HashTile.bundle(of: [[1], most + [7]])
        }
    }

    @Test("A tile at the far end of the largest tree has a path that is read")
    func tilePaths() throws {
        for level in 0..<8 {
            for width in [1, 255, 256] {
                let index = (UInt64.max >> UInt64(8 * level)) / 256
                let tile = HashTile(level: level, index: index, width: width)
                let parts = tile.path.split(separator: "/").dropFirst(2).map(String.init)
                #expect(HashTile(level: level, pathEnd: parts) == tile)
            }
        }
    }

    @Test("The numbers of the writer file come back at both ends")
    func writerFile() async throws {
        try await withLedgerPath { path in
            let file = try WriterFile.acquire(at: path)
            for number in [0, 1, UInt64(Int64.max), .max] {
                try file.setEpoch(number)
                try file.publishDurable(number)
                let read = try #require(try WriterFile.read(at: path))
                #expect(read.epoch == number && read.durableCount == number && read.pid != nil)
            }
            file.release()
        }
    }

    @Test("A frame of an archive has at most 64 MiB, where it is written and where it is read")
    func archiveFrames() async throws {
        try LogArchive.checkLength(FrameLayout.bytesMax)
        #expect(throws: LogFault.self) { try LogArchive.checkLength(FrameLayout.bytesMax + 1) }
        // A frame takes no entry once it is softly full, so it never gets near.
        #expect(
            FrameLayout.bytesSoftMax + 2 * Limits.entryBytesMax + FrameLayout.headerBytes
                < FrameLayout.bytesMax / 16)
        try await withLedgerPath { path in
            for length in [FrameLayout.bytesMax, FrameLayout.bytesMax + 1] {
                let digits = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
                var rest = (LogArchive.header + digits)[...]
                var asked = 0
                #expect(throws: LedgerError(.damaged, "")) {
                    try Ledger.restore(
                        fromArchive: { count in
                            asked = count
                            defer { rest = rest.dropFirst(count) }
                            return Array(rest.prefix(count))
                        }, to: path + "-new")
                }
                // After the length comes the frame, unless it is too long.
                #expect(asked == (length > FrameLayout.bytesMax ? 4 : length))
            }
        }
    }
}

@Suite("Limits that writer and reader share: commands and entries")
struct EntryLimitTests {
    /// Texts at their longest, of characters that JSON writes longest.
    private static let longText = String(repeating: "\u{1}", count: Limits.titleBytesMax)
    private static let longName = String(repeating: "n", count: identifierBytesMax)
    private static let lastTime = Timestamp(seconds: 9_000_000_000)

    private static var longRules: AuctionRules {
        let top = Int64.max / 4
        return AuctionRules(
            openingPrice: Money(minorUnits: top / 2), proxy: true,
            increments: .table(
                (0..<Limits.incrementRowsMax).map {
                    IncrementRow(
                        from: Money(minorUnits: $0 == 0 ? 0 : top + Int64($0)),
                        step: Money(minorUnits: top))
                }),
            reservePrice: Money(minorUnits: top - 1),
            buyNow: BuyNow(price: Money(minorUnits: top), until: .reserveMet),
            softClose: SoftClose(
                windowMilliseconds: Limits.durationMillisecondsMax,
                extensionMilliseconds: Limits.durationMillisecondsMax, mode: .add,
                trigger: .priceChange, maxExtensions: .max, latestEnd: lastTime),
            outage: OutageRule(
                longerThanMilliseconds: Limits.durationMillisecondsMax,
                moveMilliseconds: Limits.durationMillisecondsMax),
            fees: Fees(
                seller: Fee(
                    basisPoints: Limits.basisPointsMax, fixed: Money(minorUnits: top),
                    minimum: Money(minorUnits: top), maximum: Money(minorUnits: top)),
                buyer: Fee(
                    basisPoints: Limits.basisPointsMax, fixed: Money(minorUnits: top),
                    minimum: Money(minorUnits: top), maximum: Money(minorUnits: top))),
            cancelPolicy: .operatorOnly)
    }

    /// Each command of a caller at its largest.
    private static var largest: [Command] {
        let (user, auction) = (UserID(unchecked: longName), AuctionID(unchecked: longName))
        let code = CurrencyCode(unchecked: longName)
        let reference = PaymentReference(unchecked: longName)
        return [
            .registerCurrency(Currency(code: code, scale: Currency.scaleMax)),
            .registerUser(user),
            .charge(user: user, currency: code, amount: .max, reference: reference),
            .withdraw(user: user, currency: code, amount: .max, reference: reference),
            .openAuction(
                OpenAuction(
                    auction: auction, title: longText, seller: user, currency: code,
                    opensAt: Timestamp(seconds: 1), closesAt: lastTime, rules: longRules)),
            .placeBid(auction: auction, bidder: user, amount: .max),
            .buyNow(auction: auction, buyer: user),
            .closeAuction(auction, hammer: true),
            .extendAuction(auction, closesAt: lastTime),
            .cancelAuction(auction, reason: longText),
        ]
    }

    /// Each command of `largest` with one thing too long.
    private static var tooLarge: [Command] {
        let (user, auction) = (UserID(unchecked: longName), AuctionID(unchecked: longName))
        let code = CurrencyCode(unchecked: longName)
        let longer = longName + "n"
        var rules = longRules
        rules.increments = .table(
            (0...Limits.incrementRowsMax).map {
                IncrementRow(from: Money(minorUnits: Int64($0)), step: 1)
            })
        func opening(
            auction: AuctionID = auction, title: String = "", rules: AuctionRules = AuctionRules()
        ) -> Command {
            .openAuction(
                OpenAuction(
                    auction: auction, title: title, seller: user, currency: code,
                    closesAt: lastTime, rules: rules))
        }
        return [
            .registerCurrency(Currency(code: code, scale: Currency.scaleMax + 1)),
            .registerCurrency(Currency(code: CurrencyCode(unchecked: longer), scale: 0)),
            .registerUser(UserID(unchecked: longer)),
            .charge(
                user: user, currency: code, amount: 1,
                reference: PaymentReference(unchecked: longer)),
            opening(auction: AuctionID(unchecked: longer)), opening(title: longText + "x"),
            opening(rules: rules), .cancelAuction(auction, reason: longText + "x"),
        ]
    }

    @Test("Every command at its largest is taken, written as JSON and read again")
    func json() throws {
        for command in Self.largest {
            try command.validate()
            var writer = JSONWriter()
            writer.command(
                command, id: .generate(), by: .user(UserID(unchecked: Self.longName)),
                at: Self.lastTime)
            #expect(writer.bytes.count <= commandLineBytesMax / 4)
            let parsed = try parseCommand(writer.bytes, allowing: .history)
            #expect(parsed.command == command && parsed.at == Self.lastTime)
        }
    }

    @Test("One byte, row or digit more is malformed before it is written")
    func refused() {
        for command in Self.tooLarge {
            #expect(throws: MalformedValue.self, "\(command)") { try command.validate() }
        }
    }

    /// As entries hold them.
    private static var canonical: [CanonicalCommand] {
        var commands: [CanonicalCommand] = [
            .createLedger(LedgerID(high: .max, low: .max)),
            .openEngine(epoch: .max, version: String(repeating: "v", count: 255)),
            .closeDue(AuctionHandle(rawValue: .max)),
            .extendOutage(
                auction: AuctionHandle(rawValue: .max), since: lastTime, until: lastTime),
            .rotateKey(
                KeyRotation(
                    key: Bytes32(1, 2, 3, 4), previous: Bytes32(5, 6, 7, 8),
                    signature: (Bytes32(1, 2, 3, 4), Bytes32(5, 6, 7, 8)))),
            .restoreLedger(
                Restoration(
                    ledger: LedgerID(high: 1, low: 2), checkpointSize: .max,
                    checkpointRoot: Bytes32(1, 2, 3, 4))),
        ]
        let (user, auction) = (UserHandle(rawValue: 7), AuctionHandle(rawValue: .max))
        let currency = CurrencyHandle(rawValue: .max)
        for command in largest {
            switch command {
            case .registerCurrency(let currency): commands.append(.registerCurrency(currency))
            case .registerUser(let user): commands.append(.registerUser(user))
            case .charge(_, _, let amount, let reference):
                commands.append(
                    .charge(
                        Payment(
                            user: user, currency: currency, amount: amount, reference: reference)))
            case .withdraw(_, _, let amount, let reference):
                commands.append(
                    .withdraw(
                        Payment(
                            user: user, currency: currency, amount: amount, reference: reference)))
            case .openAuction(let opening):
                commands.append(
                    .openAuction(
                        CanonicalOpening(
                            auction: opening.auction, title: opening.title, seller: user,
                            currency: currency, opensAt: opening.opensAt,
                            closesAt: opening.closesAt, rules: opening.rules)))
            case .placeBid(_, _, let amount):
                commands.append(.placeBid(auction: auction, bidder: user, amount: amount))
            case .buyNow: commands.append(.buyNow(auction: auction, buyer: user))
            case .closeAuction(_, let hammer):
                commands.append(.closeAuction(auction, hammer: hammer))
            case .extendAuction(_, let closesAt):
                commands.append(.extendAuction(auction, closesAt: closesAt))
            case .cancelAuction(_, let reason):
                commands.append(.cancelAuction(auction, reason: reason))
            }
        }
        return commands
    }

    @Test("Every entry at its largest, salt and wide links included, comes back, far below 64 KiB")
    func entries() throws {
        let auction = AuctionHandle(rawValue: .max)
        // More events and links than any command has.
        let events = EventList(
            repeating: .settled(
                auction: auction, winner: UserHandle(rawValue: 1), seller: UserHandle(rawValue: 2),
                amount: .max, fee: .max), count: 8)
        let point = EntryPoint(position: .max - 1, time: Self.lastTime)
        let links = ContiguousArray(
            (0..<8).map { EntryLink(chain: .wallet(UserHandle(rawValue: $0)), previous: 0) })
        var decoded = DecodedEntry()
        for command in Self.canonical {
            let isOnAuction = command.auction != nil
            var buffer = ByteBuffer(capacity: 4096)
            buffer.appendEntry(
                command, id: CommandID(high: .max, low: .max),
                actor: .user(UserHandle(rawValue: 7)), at: point, rejection: nil,
                events: isOnAuction ? events : [], links: links,
                salt: .max)
            #expect(buffer.count < Limits.entryBytesMax / 16, "\(command)")
            try buffer.withBytes { try decoded.decode($0, in: 0..<$0.byteCount) }
            #expect(decoded.command == command && decoded.salt == .max)
            #expect(decoded.events == (isOnAuction ? events : []))
            #expect(decoded.reaches == ContiguousArray(repeating: point.position, count: 8))
        }
    }

    @Test("A text that no command may carry is refused in an entry too, and so are unknown flags")
    func refusedEntries() throws {
        let point = EntryPoint(position: 1, time: Self.lastTime)
        let longer = Self.longText + "x"
        let seller = UserHandle(rawValue: 1)
        let commands: [CanonicalCommand] = [
            .cancelAuction(AuctionHandle(rawValue: 0), reason: longer),
            .openAuction(
                CanonicalOpening(
                    auction: "lot", title: longer, seller: seller,
                    currency: CurrencyHandle(rawValue: 0), opensAt: nil, closesAt: nil,
                    rules: AuctionRules())),
            .registerUser(UserID(unchecked: Self.longName + "n")),
        ]
        var decoded = DecodedEntry()
        func refusal(_ bytes: [UInt8]) -> String? {
            do {
                try withBytes(of: bytes) { try decoded.decode($0, in: 0..<$0.byteCount) }
                return nil
            } catch { return "\(error)" }
        }
        func entry(_ command: CanonicalCommand, salt: UInt64? = nil) -> [UInt8] {
            var buffer = ByteBuffer(capacity: 1024)
            buffer.appendEntry(
                command, id: CommandID(high: 1, low: 2), actor: .operator, at: point,
                rejection: nil, events: [],
                links: [EntryLink(chain: .wallet(seller), previous: 0)], salt: salt)
            return buffer.array()
        }
        for command in commands { #expect(refusal(entry(command)) != nil, "\(command)") }
        let whole = entry(.registerUser("alice"), salt: 1)
        #expect(refusal(whole) == nil)
        for flag in 0..<8 {
            var flagged = whole
            flagged[1] ^= 1 << flag
            // A salt that is not marked is left over, one that is marked and missing is missed.
            #expect(refusal(flagged) != nil, "flag \(flag)")
        }
        #expect(refusal(Array(whole.dropLast()))?.isEmpty == false)
    }
}
