// Work at low priority.

import Platform
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Background threads")
struct BackgroundThreadTests {
    @Test("Work runs to its end on another thread, and its result and its error come back")
    func results() {
        struct Broken: Error {}
        let caller = pthread_self()
        var calls = 0
        let isElsewhere = BackgroundThread.run {
            calls += 1
            return pthread_equal(caller, pthread_self()) == 0
        }
        #expect(isElsewhere && calls == 1)
        let result = BackgroundThread.run { Result<Int, any Error> { throw Broken() } }
        #expect(throws: Broken.self) { try result.get() }
    }

    #if os(Linux)
        @Test("The work is nicer than its caller, who stays as nice as before")
        func niceness() {
            let which = __priority_which_t(PRIO_PROCESS.rawValue)
            let before = getpriority(which, 0)
            let inside = BackgroundThread.run { getpriority(which, 0) }
            #expect(inside == min(before + 10, 19))
            #expect(getpriority(which, 0) == before)
        }
    #endif
}
