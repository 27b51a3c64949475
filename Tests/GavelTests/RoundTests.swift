// Opening and closing, round after round, while followers, queries, looks into the past and backups
// are under way: a closing ends them all, the folder is free again when it returns, and neither
// memory nor open files grow.
//
// A hundred rounds by default; GAVEL_CAMPAIGN=10 makes them the thousand that is compared.

import AuctionDomain
import Foundation
import Gavel
import GavelTesting
import Platform
import Synchronization
import Testing

#if os(Linux)
    /// How much of the machine this process has.
    private struct Footprint {
        let openFiles: Int
        let residentBytes: Int

        init() throws {
            openFiles = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
            // What was freed and is kept for the next allocation has not stayed behind.
            if let trim = dlsym(nil, "malloc_trim") {
                _ = unsafeBitCast(trim, to: (@convention(c) (Int) -> CInt).self)(0)
            }
            // Pages: all, resident, shared, …
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
                .split(separator: " ").compactMap { Int($0) }
            residentBytes = pages[1] * 4096
        }
    }

    /// A round: what is under way when the ledger is closed.
    private struct Round {
        let ledger: Ledger
        let path: String
        let number: Int

        /// Asks until the ledger is closed, on a thread of its own.
        /// - Returns: how often there was an answer.
        private func asking(_ ask: @escaping @Sendable (Ledger) throws -> Void) -> Task<Int, Never>
        {
            Task { [ledger, number] in
                await withCheckedContinuation { continuation in
                    Thread.detachNewThread {
                        var answers = 0
                        do {
                            while true {
                                try ask(ledger)
                                answers += 1
                                // The snapshot at closing is written by a thread of low priority.
                                usleep(1_000)
                            }
                        } catch let error as LedgerError where error.code == .closed {
                        } catch {
                            Issue.record("round \(number): \(error)")
                        }
                        continuation.resume(returning: answers)
                    }
                }
            }
        }

        /// Follows from an entry on.
        /// - Returns: the position after the last entry that came; nil where the ledger was closed
        ///   before a draining follower had everything.
        private func following(from start: UInt64, draining: Bool) -> Task<UInt64?, any Error> {
            Task { [ledger] in
                var position = start
                do {
                    for try await run in ledger.subscribe(from: start, draining: draining) {
                        #expect(run.first?.position == position)
                        position += UInt64(run.count)
                    }
                } catch let error as LedgerError where draining && error.code == .closed {
                    return nil
                }
                return position
            }
        }

        /// Closes the ledger under all of these.
        /// - Returns: how many answers there were before.
        func run() async throws -> Int {
            let user = UserID(unchecked: "user-7")
            let end = ledger.durableCount
            let asking = [
                asking { ledger in
                    // Entries, each held against its hash, which are all read from the log.
                    try ledger.forEachMovement(of: user) { _ in }
                    _ = try ledger.entries(from: 0, limit: 500)
                },
                asking { ledger in _ = try ledger.history(of: .wallet(user), limit: 50) },
                asking { ledger in
                    let past = try ledger.past(.position(end - 3))
                    #expect(past.reflects == end - 2)
                    _ = try past.entry(at: end / 2)
                },
            ]
            let copy = "\(path)-copy-\(number)"
            let backup = Task { [ledger] in
                do { try ledger.backup(to: copy) } catch let error as LedgerError
                    where error.code == .closed
                { return false }
                return true
            }
            let plain = following(from: end - 100, draining: false)
            let draining = following(from: end - 100, draining: true)
            let receipt = try await ledger.submit(
                .registerUser(UserID(unchecked: "round-\(number)")), id: .generate())
            #expect(receipt.status == .accepted)
            // A moment that differs from round to round.
            try await Task.sleep(for: .microseconds(number * 7919 % 20_000))
            await ledger.close()
            // What is under way has ended by now, or ends at once; the folder is free all the same.
            let last = try #require(receipt.position)
            let again = try await LedgerReader.open(at: path)
            #expect(again.reflects == last + 1)
            again.close()
            if let position = try await draining.value { #expect(position == last + 1) }
            #expect(try #require(try await plain.value) <= last + 1)
            if try await backup.value {
                let reader = try await LedgerReader.open(at: copy)
                #expect(reader.reflects >= end)
                reader.close()
                try FileSystem.remove(copy)
            }
            #expect(!FileSystem.exists(copy))
            var answers = 0
            for question in asking { answers += await question.value }
            return answers
        }
    }

    @Suite("Rounds of opening and closing")
    struct RoundTests {
        // A process of its own: files and memory are the whole process's.
        @Test("However often a ledger is opened and closed under use, nothing stays behind")
        func rounds() async {
            let result = await #expect(
                processExitsWith: .success, observing: [\.standardOutputContent]
            ) {
                try await withLedgerPath { path in
                    let users = 4_000
                    let rounds = 40 * campaignScale
                    let first = try await Ledger.open(at: path)
                    for start in stride(from: 0, to: users, by: 2_000) {
                        let commands = (start..<start + 2_000).map {
                            Submission(
                                id: .generate(),
                                command: .registerUser(UserID(unchecked: "user-\($0)")))
                        }
                        _ = try await first.enqueue(commands).value()
                    }
                    await first.close()
                    var before: Footprint?
                    var answers = 0
                    for number in 1...rounds {
                        let round = Round(
                            ledger: try await Ledger.open(at: path), path: path, number: number)
                        answers += try await round.run()
                        if number == max(20, rounds / 10) { before = try Footprint() }
                    }
                    let (start, end) = (try #require(before), try Footprint())
                    let figures = "\(start) after a tenth, \(end) after \(rounds) rounds"
                    print("\(answers) answers; \(figures)")
                    #expect(answers > rounds, "\(figures)")
                    #expect(end.openFiles == start.openFiles, "\(figures)")
                    // A read state of so many users is some half a megabyte.
                    #expect(end.residentBytes - start.residentBytes < 16 << 20, "\(figures)")
                }
            }
            print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
        }
    }
#endif
