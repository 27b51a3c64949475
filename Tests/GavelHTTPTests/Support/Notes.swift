// What happened in which order, where several tasks take note of it.

import Synchronization

/// A list that tasks append to.
final class Notes: Sendable {
    private let notes = Mutex<[String]>([])
    var all: [String] { notes.withLock { $0 } }
    func add(_ note: String) { notes.withLock { $0.append(note) } }
}
