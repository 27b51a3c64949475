// Who imports Gavel has the words of the rules too: one import embeds a ledger.
@_exported public import AuctionDomain
