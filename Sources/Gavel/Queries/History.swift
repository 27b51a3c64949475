// What somebody may ask of the history of an auction or a wallet.

/// A part of the log: the entries about one auction or one wallet.
public enum History {}
