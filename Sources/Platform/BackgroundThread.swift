// Work that may take long and hurries nobody, on a thread to which the system gives a processor
// last: callers, writer and log come first.
//
// Invariant: the priority is that of a thread made for the work and gone after it, never of one
// that will serve others: a thread without privileges cannot raise itself again.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs work at low priority.
public enum BackgroundThread {
    /// How much nicer than its caller: beside busy threads it gets about a tenth of a processor's
    /// time, so it always ends, and on an idle one all of it.
    static let addedNiceness: Int32 = 10

    /// Runs a closure on a thread of its own with low priority, and waits for it.
    ///
    ///     let report = BackgroundThread.run { ledger.verify() }
    ///
    /// Where the system has no thread left, the closure runs on the calling one.
    /// - Returns: what the closure returns.
    public static func run<R>(_ body: () -> R) -> R {
        var result: R?
        func keep() { result = body() }
        withoutActuallyEscaping(keep) { work in
            let job = Job(work: work)
            // The thread takes this reference, or the next line gives it back.
            let reference = unsafe Unmanaged.passRetained(job)
            if unsafe runThread(reference.toOpaque()) { return }
            unsafe reference.release()
            work()
        }
        guard let result else { preconditionFailure("the thread ended without a result") }
        return result
    }

    /// Runs `start` on a new thread until it ends; false when there can be none.
    /// - Parameter argument: the retained job that `start` takes over.
    private static func runThread(_ argument: UnsafeMutableRawPointer) -> Bool {
        #if canImport(Darwin)
            var created: pthread_t?
            guard unsafe pthread_create(&created, nil, { unsafe start($0) }, argument) == 0,
                let thread = unsafe created
            else { return false }
            return unsafe pthread_join(thread, nil) == 0
        #else
            var thread = pthread_t()
            guard unsafe pthread_create(&thread, nil, { unsafe start($0) }, argument) == 0
            else { return false }
            return pthread_join(thread, nil) == 0
        #endif
    }
}

private final class Job {
    let work: () -> Void
    init(work: @escaping () -> Void) { self.work = work }
}

/// What the thread does.
private func start(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    lowerPriority()
    if let argument = unsafe argument {
        unsafe Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().work()
    }
    return nil
}

/// Lowers the running thread's priority. That it fails changes nothing but who waits for whom.
private func lowerPriority() {
    #if canImport(Darwin)
        _ = pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0)
    #else
        // For Linux 0 is the calling thread, not its process (setpriority(2), BUGS).
        let which = __priority_which_t(PRIO_PROCESS.rawValue)
        let niceness = getpriority(which, 0) + BackgroundThread.addedNiceness
        _ = setpriority(which, 0, min(niceness, 19))
    #endif
}
