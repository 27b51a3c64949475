// What a simulation may do to a house, and what is planted in it to be found.

/// What a simulation may do to the house besides serving it. Each kind can be left out, to see
/// which of them a finding needs.
public enum SimulatedFault: String, CaseIterable, Hashable, Sendable {
    case crash
    case reboot
    case storeFails = "store-fails"
    case slowStore = "slow-store"
    case wallJump = "wall-jump"
    case wrongAtStart = "wrong-at-start"
    case pausedMachine = "paused-machine"
    case silence
    case longClosed = "long-closed"
    case lowStorage = "low-storage"
    case operatorHolds = "operator-holds"
    case rotation
}

/// Faults of the engine and its shell that are planted on purpose, to see that a simulation finds
/// them.
public enum PlantedDefect: String, CaseIterable, Hashable, Sendable {
    /// Entries are stamped by the wall clock, whatever it says.
    case stampsByWallClock = "stamps-by-wall-clock"
    /// An opening believes the wall clock, whatever it says.
    case startsByWallClock = "starts-by-wall-clock"
    /// What a reader would refuse is written.
    case writesUnchecked = "writes-unchecked"
    /// Free space is looked at only as entries are written.
    case storageStaysLow = "storage-stays-low"
    /// Callers are answered before the frame is durable.
    case answersEarly = "answers-early"
    /// The ids of commands are forgotten at an opening.
    case forgetsIDs = "forgets-ids"
    /// The ids that are stored beside a snapshot are those of the frame before it.
    case staleIDs = "stale-ids"
    /// Ids age sixty times too fast.
    case agesIDs = "ages-ids"
    /// Nobody notices that nobody was there.
    case ignoresOutages = "ignores-outages"
    /// A restart forgets which auctions wait.
    case forgetsOutages = "forgets-outages"
    /// A held clock is confirmed by nobody.
    case confirmsAlone = "confirms-alone"
    /// The entry of a repeated command is looked up beside its place.
    case readsBeside = "reads-beside"
    /// A frame that was reported durable is not in the store.
    case losesFrame = "loses-frame"
    /// Auctions close two minutes before their end.
    case closesEarly = "closes-early"
    /// Nothing closes unless somebody comes.
    case closesLate = "closes-late"
}
