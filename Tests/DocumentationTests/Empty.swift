// Placeholder until the documentation tests stand.
import Testing
