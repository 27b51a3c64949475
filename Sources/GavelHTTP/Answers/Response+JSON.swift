// Answers of JSON.

internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension Response {
    /// An answer that has been written as JSON.
    init(json: JSONWriter, status: HTTPResponse.Status = .ok) {
        self.init(json: json.bytes, status: status)
    }

    /// An answer that is JSON.
    init(json bytes: [UInt8], status: HTTPResponse.Status = .ok) {
        self.init(
            status: status,
            headers: [
                .contentType: "application/json", .contentLength: String(bytes.count),
                .cacheControl: "no-store",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// An answer of one JSON object that reflects so many entries.
    init(
        reflecting position: UInt64, status: HTTPResponse.Status = .ok,
        _ write: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter()
        write(&writer)
        self.init(json: writer, status: status)
        headers[.gavelPosition] = String(position)
    }
}
