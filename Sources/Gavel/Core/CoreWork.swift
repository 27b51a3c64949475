// What goes into the core and what comes out of it, as plain values.
//
// Invariant: the core never looks into an asker. It hands each one back with exactly one answer, in
// the frame that makes the answer true, or with the failure that ends everything.

package import AuctionDomain

/// Who waits for an answer: a caller of the shell's, or a number that whoever steps the core gave.
package enum Asker: Sendable {
    case receipt(Waiter<Receipt>)
    case batch(BatchTicket)
    case done(Waiter<Void>)
    case number(UInt64)
    /// Nobody.
    case none
}

/// One thing for the core to do, at a moment of the boot clock.
package struct CoreItem: Sendable {
    package enum Work: Sendable {
        case one(Submission)
        /// - Parameter times: of the commands' own, for imports; nil takes the item's.
        case batch([Submission], times: [Timestamp]?)
        /// The clocks, as somebody reads them once a second.
        case clocks(ClockReading)
        /// Close what is due, then answer.
        case tick
        /// Hold closings, or release them.
        case hold(Bool)
        /// Write that another key signs checkpoints.
        indirect case rotate(KeyRotation)
    }

    package var boot: Int64
    package var work: Work
    package var asker: Asker

    package init(boot: Int64, work: Work, asker: Asker) {
        self.boot = boot
        self.work = work
        self.asker = asker
    }

    /// How many commands it takes of the queue's room.
    package var commandCount: Int {
        switch work {
        case .batch(let submissions, _): submissions.count
        case .clocks: 0
        case .one, .tick, .hold, .rotate: 1
        }
    }
}

/// An answer on its way, true once the frame that carries it is durable.
package struct CoreAnswer: Sendable {
    package enum Content: Sendable {
        case receipt(Receipt)
        case receipts([Receipt])
        case done
        /// The engine's own work could not be done; nothing was written for it.
        case refused(LedgerError)
    }

    package var asker: Asker
    package var content: Content
}

/// How far the core got with what it was given.
package enum CoreProgress: Hashable, Sendable {
    /// Everything that was received is decided.
    case idle
    /// The open frame must be taken before anything more is decided.
    case frameIsFull
    /// Deciding goes on once the entry at a position is supplied, or its absence.
    case needs(position: UInt64)
    /// Nothing more is decided: what the reason says must never be written.
    case failed(reason: String)
}

/// What the core has to say to people.
package enum CoreNotice: Hashable, Sendable {
    /// The clocks went apart: the wall clock is that much ahead, behind where it is negative.
    case clockHeld(gap: Int64)
    case clocksAgree
    /// Time passed in which nobody could bid; so many auctions wait for an operator, and so many
    /// got a later end by their rules.
    case outage(Outage, held: Int, moved: Int)
    /// Bids and openings are refused from now on for want of space, or taken again: so many bytes
    /// are free, and so many must stay free.
    case storage(isLow: Bool, freeBytes: Int, freeBytesMin: Int)
}

/// What those who watch a ledger may know of the core.
package struct CoreStatus: Hashable, Sendable {
    /// Nothing closes and bids are refused, since an operator said so or the clock is held.
    package var holdsClosings = false
    /// Whether the clocks are too far apart.
    package var isClockHeld = false
    /// By how many nanoseconds the wall clock is ahead of trusted time.
    package var clockGap: Int64 = 0
    /// Trusted time less the boot clock.
    package var timeOffset: Int64 = 0
    /// The outage whose auctions wait for an operator.
    package var outage: Outage?
    /// Since when an outage was whose end may still be lost in a crash: the heartbeat says it.
    package var unsettledSince: Timestamp?

    package init() {}
}
