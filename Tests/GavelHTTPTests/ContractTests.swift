// The contract: routes and document say the same, and the copy in the repository is that document.

import Foundation
import GavelJSON
import HTTPTypes
import Testing

@testable import GavelHTTP

@Suite("The contract")
struct ContractTests {
    private let document = OpenAPIDocument.whole

    private static let copy = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/http/openapi.json")

    @Test("The copy of the OpenAPI document in Fixtures is what the service serves")
    func copy() throws {
        if ProcessInfo.processInfo.environment["GAVEL_WRITE_GOLDEN"] != nil {
            try Data(OpenAPIDocument.bytes).write(to: Self.copy)
        }
        // As one truth: two long arrays would be compared element by element for a message.
        let isTheSame = Array(try Data(contentsOf: Self.copy)) == OpenAPIDocument.bytes
        #expect(
            isTheSame,
            "write it anew: GAVEL_WRITE_GOLDEN=1 swift test --filter ContractTests")
    }

    @Test("Every route has an operation of its own, every name in a path a schema")
    func operations() {
        let operations = document.operations
        #expect(Set(operations.map(\.id)).count == operations.count)
        #expect(Set(operations.map { "\($0.method) \($0.path)" }).count == operations.count)
        for operation in operations {
            for name in OpenAPIDocument.parameterNames(in: operation.path) {
                #expect(PathParameters.schema(of: name) != nil, "\(operation.path)")
            }
            #expect(operation.path.hasPrefix("/"))
            #expect(operation.summary.first?.isUppercase == true, "\(operation.id)")
            #expect(!operation.summary.hasSuffix("."), "\(operation.id)")
            let isChange = operation.method != .get
            #expect(isChange || !operation.isWrite, "\(operation.id)")
        }
    }

    @Test("Every schema referred to is there, once, and used")
    func references() {
        let names = document.schemas.map(\.name)
        #expect(Set(names).count == names.count)
        var found: Set<String> = []
        collect(document.json, &found)
        #expect(found == Set(names))
    }

    private func collect(_ value: JSONValue, _ found: inout Set<String>) {
        let prefix = "#/components/schemas/"
        switch value {
        case .array(let values): for value in values { collect(value, &found) }
        case .object(let members):
            for member in members {
                if member.name == "$ref", case .string(let text) = member.value,
                    text.hasPrefix(prefix)
                {
                    found.insert(String(text.dropFirst(prefix.count)))
                }
                collect(member.value, &found)
            }
        default: break
        }
    }

    @Test("Routes answer what the document says: each is found, with its method")
    func routes() async throws {
        try await TestService.with { test in
            let connection = try test.connect()
            let served = try await connection.call("GET", "/openapi.json")
            let isTheSame = served.body == OpenAPIDocument.bytes
            #expect(isTheSame)
            for operation in document.operations where operation.method == .get {
                let path = operation.path.replacing(/\{[a-z0-9_]+\}/, with: "1")
                let answer = try await test.call("DELETE", path)
                #expect(answer.status == 405, "\(operation.path)")
            }
        }
    }
}
