// The heartbeat as it stands in the `writer` file.

internal import AuctionDomain
internal import Platform

extension Heartbeat {
    /// What a file says.
    init(_ stored: WriterFile.Heartbeat) {
        let bootID = Bytes16(high: stored.bootID.high, low: stored.bootID.low)
        let isOutage = stored.outageSince != .min
        self.init(
            time: Timestamp(nanoseconds: stored.time), boot: stored.boot,
            bootID: bootID == Bytes16(high: 0, low: 0) ? nil : bootID,
            outageSince: isOutage ? Timestamp(nanoseconds: stored.outageSince) : nil)
    }

    /// What is written into a file.
    var stored: WriterFile.Heartbeat {
        WriterFile.Heartbeat(
            time: time.nanoseconds, boot: boot, bootID: (bootID?.high ?? 0, bootID?.low ?? 0),
            outageSince: outageSince?.nanoseconds ?? .min)
    }
}
