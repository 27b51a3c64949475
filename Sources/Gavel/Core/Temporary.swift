package import AuctionDomain
extension State {
    package func outageLimit(of auction: AuctionHandle) -> Int64 { 5_000_000_000 }
    package func outageMove(of auction: AuctionHandle) -> Int64? { nil }
}
