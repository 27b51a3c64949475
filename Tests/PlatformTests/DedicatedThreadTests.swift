// Threads for work that waits.

import Foundation
import Platform
import Synchronization
import Testing

@Suite("A thread of its own")
struct DedicatedThreadTests {
    @Test("a thousand pieces of work may wait at once, and each runs under its name")
    func many() throws {
        let waiting = Atomic<Int>(0)
        let done = Atomic<Int>(0)
        let gate = DispatchSemaphore(value: 0)
        for _ in 0..<1000 {
            try DedicatedThread.start(named: "gavel.test.of.threads") {
                _ = waiting.wrappingAdd(1, ordering: .acquiringAndReleasing)
                gate.wait()
                _ = done.wrappingAdd(1, ordering: .acquiringAndReleasing)
            }
        }
        while waiting.load(ordering: .acquiring) < 1000 { usleep(1000) }
        #if os(Linux)
            let tasks = "/proc/self/task"
            let names = try FileManager.default.contentsOfDirectory(atPath: tasks).compactMap {
                try? String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8)
            }
            #expect(names.count { $0 == "gavel.test.of.t\n" } == 1000)
        #endif
        for _ in 0..<1000 { gate.signal() }
        while done.load(ordering: .acquiring) < 1000 { usleep(1000) }
    }

    @Test("Whoever waits for a piece of work gets its result or its error, and holds no thread")
    func waitedFor() async throws {
        struct Broken: Error, Equatable {}
        #if os(Linux)
            let name = await DedicatedThread.run(named: "gavel.waited") {
                try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
            }
            #expect(name == "gavel.waited\n")
        #endif
        await #expect(throws: Broken()) {
            try await DedicatedThread.run(named: "gavel.waited") { () throws(Broken) in
                throw Broken()
            }
        }
        // More of them than tasks have threads, each of which waits for the last one.
        let gate = DispatchSemaphore(value: 0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    await DedicatedThread.run(named: "gavel.waited") { gate.wait() }
                }
            }
            group.addTask { for _ in 0..<64 { gate.signal() } }
        }
    }
}
