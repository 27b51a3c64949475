// The pages of a folder's log, walked before LMDB opens them.

internal import LMDB
internal import Platform

extension FolderStore {
    public func examine() throws -> StoreExamination? {
        try folder.check(creates: false)
        var found = StoreExamination()
        let name = "log/data.mdb"
        do {
            found.add(try DataFileWalk.check(path: folder.data), of: name)
        } catch {
            found.faults.append("\(name): \(error)")
            found.isSound = false
        }
        if !found.isSound {
            found.notCovered.append("the log: LMDB cannot be trusted with its file")
        }
        return found
    }
}

extension StoreExamination {
    fileprivate mutating func add(_ pages: StructureReport, of name: String) {
        if let reason = pages.incompleteReason {
            // A writer at work is no reason against opening the file.
            notCovered.append("the pages of \(name): \(reason); walk a backup")
            isComplete = false
            return
        }
        faults += pages.faults.map { "\(name), \($0)" }
        isSound = pages.isSound
        guard isSound else { return }
        let tables = pages.tables.map { "\($0.name) \($0.entries)" }.joined(separator: ", ")
        let leaked =
            pages.leakedPages > 0
            ? ", \(pages.leakedPages) lost from page \(pages.firstLeakedPage ?? 0) on" : ""
        covered.append(
            "\(pages.pages) pages of \(name): \(pages.usedPages) in use, \(pages.freePages) free"
                + leaked + "; entries of tables: \(tables)")
    }
}
