// The heartbeat as it stands in the `writer` file.

internal import AuctionDomain
internal import Platform

extension Heartbeat {
    /// What a file says.
    /// - Returns: nil where that is no time the ledger can have: nothing is reckoned with it.
    init?(_ stored: WriterFile.Heartbeat) {
        let time = Timestamp(nanoseconds: stored.time)
        let since = Timestamp(nanoseconds: stored.outageSince)
        guard time.isInRange, stored.boot >= 0, stored.outageSince == .min || since.isInRange
        else { return nil }
        let bootID = BootID(high: stored.bootID.high, low: stored.bootID.low)
        self.init(
            time: time, boot: stored.boot,
            bootID: bootID == BootID(high: 0, low: 0) ? nil : bootID,
            outageSince: stored.outageSince == .min ? nil : since)
    }

    /// What is written into a file.
    var stored: WriterFile.Heartbeat {
        WriterFile.Heartbeat(
            time: time.nanoseconds, boot: boot, bootID: (bootID?.high ?? 0, bootID?.low ?? 0),
            outageSince: outageSince?.nanoseconds ?? .min)
    }
}
