// Every call by which a process changes files fails in turn, LMDB's own writes and flushes among
// them, on whichever thread it is made: the command ends, with the exit code of storage or as if
// nothing had happened; the next one opens the ledger, and what was acknowledged is in it.
//
// The calls are made to fail by a library that is loaded before the C library's, and built here: by
// the compiler that links Swift. By default each fourth call fails, GAVEL_CAMPAIGN=4 tries each.

#if os(Linux)
    import Foundation
    import Testing

    @Suite("Calls that fail")
    struct FailingCallsTests {
        /// Counts the calls that change regular files and folders. The one that is number `FAIL_AT`
        /// fails with EIO, with `FAIL_ALL` all after it too; `FAIL_MARK` is made when it did.
        private static let library = """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <errno.h>
            #include <fcntl.h>
            #include <stdatomic.h>
            #include <stdlib.h>
            #include <sys/stat.h>
            #include <sys/syscall.h>
            #include <sys/uio.h>
            #include <unistd.h>
            static atomic_int count;
            static int fails(void) {
                const char *at = getenv("FAIL_AT");
                int number = atomic_fetch_add(&count, 1), first = at ? atoi(at) : -1;
                if (first < 0 || number < first) return 0;
                if (number > first && !getenv("FAIL_ALL")) return 0;
                int mark = syscall(
                    SYS_openat, AT_FDCWD, getenv("FAIL_MARK"), O_CREAT | O_WRONLY, 0600);
                if (mark >= 0) syscall(SYS_close, mark);
                errno = EIO;
                return 1;
            }
            static int isFile(int file) {
                struct stat status;
                return fstat(file, &status) == 0 && S_ISREG(status.st_mode);
            }
            #define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))
            #define FILE_CALL(result, name, list, pass) \\
                result name list { \\
                    if (isFile(file) && fails()) return -1; \\
                    return REAL(result (*) list, #name) pass; \\
                }
            #define NAME_CALL(name, list, pass) \\
                int name list { \\
                    if (fails()) return -1; \\
                    return REAL(int (*) list, #name) pass; \\
                }
            #define WRITE_LIST (int file, const void *bytes, size_t count)
            #define PWRITE_LIST (int file, const void *bytes, size_t count, off_t at)
            #define PWRITEV_LIST (int file, const struct iovec *parts, int count, off_t at)
            FILE_CALL(ssize_t, write, WRITE_LIST, (file, bytes, count))
            FILE_CALL(ssize_t, pwrite, PWRITE_LIST, (file, bytes, count, at))
            FILE_CALL(ssize_t, pwrite64, PWRITE_LIST, (file, bytes, count, at))
            FILE_CALL(ssize_t, pwritev, PWRITEV_LIST, (file, parts, count, at))
            FILE_CALL(ssize_t, pwritev64, PWRITEV_LIST, (file, parts, count, at))
            FILE_CALL(int, ftruncate, (int file, off_t length), (file, length))
            FILE_CALL(int, ftruncate64, (int file, off_t length), (file, length))
            NAME_CALL(fsync, (int file), (file))
            NAME_CALL(fdatasync, (int file), (file))
            NAME_CALL(rename, (const char *from, const char *to), (from, to))
            NAME_CALL(unlink, (const char *path), (path))
            NAME_CALL(mkdir, (const char *path, mode_t mode), (path, mode))
            int posix_fallocate(int file, off_t start, off_t length) {
                if (fails()) return EIO;
                return REAL(int (*)(int, off_t, off_t), "posix_fallocate")(file, start, length);
            }

            """

        private static let campaign =
            ProcessInfo.processInfo.environment["GAVEL_CAMPAIGN"].flatMap(Int.init) ?? 1

        private let space: Workspace

        init() throws { space = try Workspace() }

        /// Builds the library.
        /// - Returns: whether there was a compiler.
        private func build() async throws -> Bool {
            try space.write(Self.library, to: "failing.c")
            let run = try await shell(
                "c=$(command -v clang || command -v cc) || exit 9; "
                    + "$c -shared -fPIC -o failing.so failing.c -ldl")
            try #require(run.status == 0 || run.status == 9, "\(run.errors)")
            return run.status == 0
        }

        /// Runs a script; `$gavel` is the command, and one that hangs is ended.
        private func shell(_ script: String, input: String = "") async throws -> Run {
            let settings = "gavel='\(gavelURL.path)'; g() { timeout 120 \"$gavel\" \"$@\"; }; "
            return try await space.run(
                URL(fileURLWithPath: "/bin/sh"), ["-c", settings + script], input: input)
        }

        /// Runs a command whose calls fail, on a copy of a ledger or on none.
        /// - Returns: whether one failed.
        private func fail(
            at number: Int, all: Bool, _ command: String, input: String, on house: String?
        ) async throws -> (run: Run, hasFailed: Bool) {
            let copy = house.map { "cp -r \($0) new; " } ?? ""
            let run = try await shell(
                "rm -rf new mark; \(copy)export FAIL_AT=\(number) FAIL_MARK=mark "
                    + "\(all ? "FAIL_ALL=1" : ""); export LD_PRELOAD=./failing.so; \(command)",
                input: input)
            return (run, space.exists("mark"))
        }

        /// Lets each call of a command fail, and looks at what is left.
        private func failEach(
            _ command: String, on house: String?, check: (Run, String) async throws -> Void
        ) async throws {
            guard try await build() else { return }
            let lines = (1...2).map { #"{"command":"register_user","user":"u\#($0)"}"# + "\n" }
            var failed = 0
            for all in [false, true] {
                for number in stride(from: 0, to: 10_000, by: max(1, 4 / Self.campaign)) {
                    let (run, hasFailed) = try await fail(
                        at: number, all: all, command, input: lines.joined(), on: house)
                    let place = "call \(number)\(all ? " and all after it" : ""): \(run)"
                    // A commit of which nobody knows the outcome has a code of its own.
                    let isUnknown = run.status == 3 && run.errors.contains("a commit failed")
                    #expect([0, 4].contains(run.status) || isUnknown, "\(place)")
                    if !hasFailed { #expect(run.status == 0, "\(place)") }
                    try await check(run, place)
                    guard hasFailed else { break }
                    failed += 1
                }
            }
            // Opening alone makes more calls than these.
            #expect(failed * max(1, 4 / Self.campaign) > 30, "\(failed)")
        }

        /// Opens the ledger again, by a command that must end well, and looks for what was
        /// accepted.
        private func checkOpens(_ run: Run, _ place: String) async throws {
            let accepted = run.lines.filter { $0.contains(#""status":"accepted""#) }.count
            let again = try await shell(
                "g submit --create --ledger new && g audit verify --ledger new && "
                    + "g log --ledger new",
                input: #"{"command":"register_user","user":"later"}"#)
            #expect(again.status == 0, "\(place); then \(again)")
            for number in 0..<accepted {
                #expect(again.output.contains("u\(number + 1)"), "\(place); then \(again)")
            }
        }

        /// A ledger of one user.
        private func makeHouse() async throws {
            try #require(
                try await shell(
                    "g submit --create --ledger house",
                    input: #"{"command":"register_user","user":"first"}"#
                ).status == 0)
        }

        @Test("A ledger is made and written to, whichever call fails")
        func creation() async throws {
            try await failEach("g submit --create --ledger new", on: nil, check: checkOpens)
        }

        @Test("A ledger is opened and written to, whichever call fails")
        func opening() async throws {
            try await makeHouse()
            try await failEach("g submit --ledger new", on: "house", check: checkOpens)
        }

        @Test("A key is replaced or it is not, whichever call fails")
        func rotation() async throws {
            try await makeHouse()
            try await failEach("g audit rotate-key --ledger new", on: "house", check: checkOpens)
        }
    }
#endif
