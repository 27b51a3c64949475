// The small part of JSON Schema (2020-12) that the service's bodies need, as values.

internal import GavelJSON

/// A schema of the OpenAPI document.
indirect enum Schema: Sendable {
    /// One of `Schemas.named`.
    case reference(String)
    case object([Property], isClosed: Bool = true)
    case array(Schema)
    case string(
        format: String? = nil, pattern: String? = nil, min: Int? = nil, max: Int? = nil)
    case word([String])
    case integer(min: Int64? = nil, max: Int64? = nil)
    case boolean
    case nullable(Schema)
    /// One of several shapes.
    case either([Schema])
    case described(Schema, String)

    /// A member of an object.
    struct Property: Sendable {
        let name: String
        let schema: Schema
        var isRequired = true

        /// A member that always stands.
        init(_ name: String, _ schema: Schema, _ detail: String? = nil) {
            self.name = name
            self.schema = detail.map { .described(schema, $0) } ?? schema
        }

        /// A member that may be left out.
        static func optional(
            _ name: String, _ schema: Schema, _ detail: String? = nil
        ) -> Property {
            var property = Property(name, schema, detail)
            property.isRequired = false
            return property
        }
    }

    /// The schema in JSON.
    var json: JSONValue {
        switch self {
        case .reference(let name):
            return .members(("$ref", .string("#/components/schemas/\(name)")))
        case .object(let properties, let isClosed):
            var members = [JSONMember("type", .string("object"))]
            members.append(
                JSONMember(
                    "properties", .object(properties.map { JSONMember($0.name, $0.schema.json) })))
            let required = properties.filter(\.isRequired).map { JSONValue.string($0.name) }
            if !required.isEmpty { members.append(JSONMember("required", .array(required))) }
            if isClosed { members.append(JSONMember("additionalProperties", .bool(false))) }
            return .object(members)
        case .array(let element):
            return .members(("type", .string("array")), ("items", element.json))
        case .string(let format, let pattern, let min, let max):
            var members = [JSONMember("type", .string("string"))]
            if let format { members.append(JSONMember("format", .string(format))) }
            if let pattern { members.append(JSONMember("pattern", .string(pattern))) }
            if let min { members.append(JSONMember("minLength", .integer(Int64(min)))) }
            if let max { members.append(JSONMember("maxLength", .integer(Int64(max)))) }
            return .object(members)
        case .word(let words):
            return .members(
                ("type", .string("string")), ("enum", .array(words.map { .string($0) })))
        case .integer(let min, let max):
            var members = [
                JSONMember("type", .string("integer")), JSONMember("format", .string("int64")),
            ]
            if let min { members.append(JSONMember("minimum", .integer(min))) }
            if let max { members.append(JSONMember("maximum", .integer(max))) }
            return .object(members)
        case .boolean:
            return .members(("type", .string("boolean")))
        case .nullable(let schema):
            return .members(
                ("anyOf", .array([schema.json, .members(("type", .string("null")))])))
        case .either(let schemas):
            return .members(("anyOf", .array(schemas.map(\.json))))
        case .described(let schema, let detail):
            guard case .object(let members) = schema.json else { return schema.json }
            return .object(members + [JSONMember("description", .string(detail))])
        }
    }
}

extension JSONValue {
    /// An object of a few members.
    static func members(_ members: (String, JSONValue)...) -> JSONValue {
        .object(members.map { JSONMember($0.0, $0.1) })
    }
}
