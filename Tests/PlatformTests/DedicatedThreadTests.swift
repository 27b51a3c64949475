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
}
