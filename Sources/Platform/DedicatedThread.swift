// A thread that is made for one piece of work and lives as long as it.
//
// For work that waits most of its time. A queue of Dispatch would lend one of its threads for that,
// and has no more than a few hundred: with so many waiting, nothing else in the process runs.
//
// Invariant: `start` either throws and the work never runs, or the work runs once.

internal import CPlatform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Starts threads.
public enum DedicatedThread {
    /// Runs a closure on a new thread, and does not wait for it.
    /// - Parameter name: shown by tools; Linux keeps its first 15 bytes.
    /// - Throws: `FileError` with `.system` where the system has no thread left.
    public static func start(
        named name: String, _ body: @escaping @Sendable () -> Void
    ) throws(FileError) {
        let job = DedicatedJob(name: String(name.prefix(15)), body: body)
        // The thread takes this reference, or the lines after give it back.
        let reference = unsafe Unmanaged.passRetained(job)
        let failure = unsafe create(reference.toOpaque())
        guard failure == 0 else {
            unsafe reference.release()
            throw FileError(.system(failure), operation: "start", path: "thread \(name)")
        }
    }

    /// Runs a closure that blocks on a new thread, and suspends the caller until it has ended, so
    /// that no thread of the tasks waits. Where the system has no thread left, it runs on the
    /// caller's.
    /// - Throws: what the closure throws.
    public static func run<Value: Sendable, Failure: Error>(
        named name: String, _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withCheckedContinuation { continuation in
            let work: @Sendable () -> Void = {
                continuation.resume(returning: Result { () throws(Failure) in try body() })
            }
            do { try start(named: name, work) } catch { work() }
        }
        return try result.get()
    }

    /// 0, or the errno.
    /// - Parameter argument: the retained job that the thread takes over.
    private static func create(_ argument: UnsafeMutableRawPointer) -> Int32 {
        #if canImport(Darwin)
            var created: pthread_t?
            let failure = unsafe pthread_create(&created, nil, { unsafe runJob($0) }, argument)
            if failure == 0, let thread = unsafe created { unsafe pthread_detach(thread) }
            return failure
        #else
            var thread = pthread_t()
            let failure = unsafe pthread_create(&thread, nil, { unsafe runJob($0) }, argument)
            if failure == 0 { pthread_detach(thread) }
            return failure
        #endif
    }
}

private final class DedicatedJob: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

/// What the thread does.
private func runJob(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    let job = unsafe Unmanaged<DedicatedJob>.fromOpaque(argument).takeRetainedValue()
    // The name is a C string for the duration of the call.
    unsafe cplatform_name_thread(job.name)
    job.body()
    return nil
}
