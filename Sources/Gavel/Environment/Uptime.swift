// How long things take.

internal import Dispatch

/// A clock for measuring how long things take, and for nothing else.
enum Uptime {
    static var nanoseconds: UInt64 { DispatchTime.now().uptimeNanoseconds }
}
