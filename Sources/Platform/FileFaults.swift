// Faults of files on purpose, for tests that let every write, every flush and every change of a
// name fail in turn.
//
// Invariants: faults are those of the running task, so tests that run beside each other see nothing
// of one another's; where there are none, a step costs a look at a task's value beside a system
// call; nothing but a test sets any.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lets one step that changes files fail, or all from one on.
package final class FileFaults: Sendable {
    /// What is about to be done.
    package enum Step: Hashable, Sendable, CaseIterable {
        /// A file is made or opened for writing.
        case open
        /// Bytes are written; half of them are when it fails.
        case write
        case sync
        case makeFolder
        case rename
        case remove
        /// The blocks of a file are asked for.
        case reserve
        /// A transaction of LMDB is committed: nothing is written when it fails.
        case commit
        /// A transaction of LMDB has been committed: it is stored, though it fails.
        case committed
        /// A data file of LMDB is copied.
        case copy
    }

    /// What becomes of a step.
    package enum Outcome: Sendable {
        case goesOn
        /// It fails, and what comes after it works.
        case fails
        /// It and whatever comes after it does nothing, as where the process was killed.
        case isDead
    }

    @TaskLocal package static var current: FileFaults?

    /// Which of the steps fails, from 0.
    private let failing: Int
    /// Whether all after it fail too.
    private let isLast: Bool
    private let steps: Set<Step>
    private let count = Atomic<Int>(0)

    /// - Parameters:
    ///   - failing: which step fails, from 0.
    ///   - isLast: whether nothing works any more from there on.
    ///   - steps: which are counted; others go on.
    package init(failing: Int, isLast: Bool, steps: Set<Step> = Set(Step.allCases)) {
        self.failing = failing
        self.isLast = isLast
        self.steps = steps
    }

    /// Whether the step was reached.
    package var hasFailed: Bool { count.load(ordering: .relaxed) > failing }

    /// What becomes of the step that the running task is about to do.
    package static func outcome(of step: Step) -> Outcome {
        guard let current else { return .goesOn }
        return current.next(step)
    }

    /// Fails where the step is to.
    /// - Throws: `FileError` with EIO.
    package static func check(_ step: Step, _ operation: String, path: String) throws(FileError) {
        guard outcome(of: step) == .goesOn else { throw failure(operation, path: path) }
    }

    /// How many bytes of a write of so many are written before it fails: all where it does not.
    package static func written(of byteCount: Int) -> Int {
        switch outcome(of: .write) {
        case .goesOn: byteCount
        case .fails: byteCount / 2
        case .isDead: 0
        }
    }

    /// What a step fails with.
    package static func failure(_ operation: String, path: String) -> FileError {
        FileError(.system(EIO), operation: operation, path: path)
    }

    private func next(_ step: Step) -> Outcome {
        guard steps.contains(step) else { return .goesOn }
        let number = count.wrappingAdd(1, ordering: .relaxed).oldValue
        if number == failing { return .fails }
        return isLast && number > failing ? .isDead : .goesOn
    }
}
