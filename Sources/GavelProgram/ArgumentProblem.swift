// What is wrong with a value of the command line, and the value that every program takes: a folder.

/// A value of the command line that cannot be read.
package struct ArgumentProblem: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Reads a folder's path. Slashes at its end go: names beside the folder (`DIR.importing`) are
/// made by adding to it.
@Sendable package func folderPath(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ArgumentProblem("a folder's path must not be empty") }
    var path = Substring(text)
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return String(path)
}
