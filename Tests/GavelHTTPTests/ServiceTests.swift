// What every route has in common: what it takes, what it refuses, and in which words.

import AuctionDomain
import Gavel
import HTTPTypes
import Testing

@testable import GavelHTTP

@Suite("The service")
struct ServiceTests {
    @Test("Says what it is, answers unknown addresses and methods with problems, and goes on")
    func hello() async throws {
        try await TestService.with { test in
            let connection = try test.connect()
            let hello = try await connection.call("GET", "/")
            #expect(hello.status == 200)
            #expect(hello.json["service"] as? String == "gavel")
            let missing = try await connection.call("GET", "/nothing/here")
            #expect(missing.status == 404)
            #expect(missing.code == "not_found")
            #expect(missing.headers["content-type"] == "application/problem+json")
            let method = try await connection.call("POST", "/")
            #expect(method.status == 405)
            #expect(method.headers["allow"] == "GET, HEAD")
            let unknown = try await connection.call("GET", "/?x=1")
            #expect(unknown.status == 400)
            #expect(unknown.code == "parameter_malformed")
        }
    }

    @Test("Every problem has one code, one number and one status")
    func problems() {
        let kinds = ProblemKind.all
        #expect(Set(kinds.map(\.code)).count == kinds.count)
        #expect(Set(kinds.map(\.number)).count == kinds.count)
        #expect(kinds.count == Refusal.allCases.count + Rejection.Code.allCases.count + 29)
        for kind in kinds {
            #expect((400...599).contains(kind.status.code), "\(kind.code)")
            // An id from the future is one of the present a little later.
            let mayPass =
                [429, 503].contains(kind.status.code) || kind.code == "command_id_in_future"
            #expect((kind.retryAfter != nil) == mayPass, "\(kind.code)")
        }
    }
}
