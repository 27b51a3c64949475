// Answers of JSON.

internal import GavelJSON
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension Response {
    /// The answer to HEAD: the same status and headers, and no content. The length stays where it
    /// is known, and says what GET would send (RFC 9110 section 8.6).
    var withoutContent: Response {
        let length = headers[.contentLength]
        var response = createHeadResponse()
        response.headers[.contentLength] = length
        return response
    }

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
