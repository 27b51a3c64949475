// Whoever waits inside an async call for the writer's answer.
//
// Invariant: a waiter is answered exactly once. Each is made in `wait`, put into one queue item or
// one frame, and answered by whoever takes it out; nothing copies one and keeps it. That is why
// the unchecked continuation does: the checked one allocates an object for each command, a sixth
// of the price of an async bid.

/// An async caller of the engine.
@safe
package struct Waiter<Value: Sendable>: Sendable {
    private let continuation: UnsafeContinuation<Value, any Error>

    /// Suspends the caller until its waiter is answered.
    /// - Parameter body: hands the waiter on; called once, before the caller suspends.
    static func wait(_ body: (Waiter<Value>) -> Void) async throws -> Value {
        // Answered exactly once, as the invariant above says.
        try await unsafe withUnsafeThrowingContinuation { continuation in
            body(unsafe Waiter(continuation: continuation))
        }
    }

    func answer(_ value: Value) { unsafe continuation.resume(returning: value) }
    func fail(_ error: any Error) { unsafe continuation.resume(throwing: error) }
}
