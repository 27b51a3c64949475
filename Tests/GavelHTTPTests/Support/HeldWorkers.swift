// Workers that are kept from their work, for tests of what happens while all are busy.

import Dispatch

@testable import GavelHTTP

/// Holds up all threads of some workers, and has so much else wait for them, until it ends.
final class HeldWorkers: Sendable {
    private let gate = DispatchSemaphore(value: 0)
    private let threads: [Task<Void, any Error>]
    private let waiting: [Task<Void, any Error>]

    /// - Parameters:
    ///   - threads: how many the workers have.
    ///   - waiting: how much waits for them, each piece from another address.
    init(_ workers: FairWorkers, threads: Int, waiting: Int = 0) async throws {
        let gate = gate
        let (started, starting) = AsyncStream<Void>.makeStream()
        self.threads = (0..<threads).map { _ in
            Task {
                try await workers.run(for: .house) {
                    starting.yield()
                    gate.wait()
                }
            }
        }
        for await _ in started.prefix(threads) {}
        self.waiting = (0..<waiting).map { number in
            Task { try await workers.run(for: .address(.v4(UInt32(number)))) {} }
        }
        while workers.waitingCount < waiting { await Task.yield() }
    }

    /// Lets the threads go on, and waits until what was asked for here is done.
    func end() async throws {
        for _ in threads { gate.signal() }
        for task in threads + waiting { try await task.value }
    }
}
