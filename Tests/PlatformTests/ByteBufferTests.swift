// The promises of ByteBuffer and of reading RawSpans.

import Platform
import Testing

@Suite("Bytes")
struct ByteBufferTests {
    @Test("integers are written little-endian and read back at any offset")
    func integersRoundTrip() {
        var buffer = ByteBuffer(capacity: 1)
        buffer.append(UInt8(1))
        buffer.append(UInt16(0x0203))
        buffer.append(Int32(-2))
        buffer.append(UInt64.max - 1)
        #expect(
            buffer.array()
                == [1, 3, 2, 0xFE, 0xFF, 0xFF, 0xFF, 0xFE] + [UInt8](repeating: 0xFF, count: 7))
        buffer.withBytes { bytes in
            #expect(bytes.load(UInt8.self, at: 0) == 1)
            #expect(bytes.load(UInt16.self, at: 1) == 0x0203)
            #expect(bytes.load(Int32.self, at: 3) == -2)
            #expect(bytes.load(UInt64.self, at: 7) == UInt64.max - 1)
        }
    }

    @Test("growing keeps what was appended, and removing all keeps the memory")
    func growthKeepsBytes() {
        var buffer = ByteBuffer(capacity: 0)
        for number in 0..<10_000 { buffer.append(UInt32(number)) }
        #expect(buffer.count == 40_000)
        buffer.withBytes { bytes in
            let wrong = (0..<10_000).first { bytes.load(UInt32.self, at: $0 * 4) != UInt32($0) }
            #expect(wrong == nil)
        }
        let capacity = buffer.capacity
        buffer.removeAll()
        #expect(buffer.count == 0)
        #expect(buffer.capacity == capacity)
        buffer.reserve(capacity)
        #expect(buffer.capacity == capacity)
    }

    @Test("text, arrays, spans and zeros are appended in order")
    func appendsOfAllKinds() {
        var buffer = ByteBuffer()
        buffer.append(utf8: "añ")
        buffer.append(contentsOf: [9, 8])
        withBytes(of: [7]) { buffer.append(contentsOf: $0) }
        buffer.append(contentsOf: [])
        buffer.append(utf8: "")
        buffer.appendZeros(2)
        #expect(buffer.array() == [0x61, 0xC3, 0xB1, 9, 8, 7, 0, 0])
    }

    @Test("a store patches bytes already appended")
    func storePatches() {
        var buffer = ByteBuffer()
        buffer.appendZeros(6)
        buffer.store(UInt32(0x0102_0304), at: 2)
        #expect(buffer.array() == [0, 0, 4, 3, 2, 1])
        #expect(buffer.withBytes(in: 2..<4) { $0.array() } == [4, 3])
    }

    @Test("a string is read only if it is valid UTF-8")
    func stringsAreValidated() {
        withBytes(of: [0x61, 0xC3, 0xB1, 0xFF]) { bytes in
            #expect(bytes.string(in: 0..<3) == "añ")
            #expect(bytes.string(in: 0..<0) == "")
            #expect(bytes.string(in: 0..<2) == nil)
            #expect(bytes.string(in: 3..<4) == nil)
            #expect(bytes.array(in: 1..<3) == [0xC3, 0xB1])
        }
        #expect(withUTF8Bytes(of: "añ") { $0.array() } == [0x61, 0xC3, 0xB1])
    }

    @Test("spans are equal when every byte is", arguments: [0, 1, 7, 8, 9, 16, 31])
    func equality(count: Int) {
        let bytes = (0..<count).map { UInt8($0) }
        func isEqual(_ other: [UInt8]) -> Bool {
            withBytes(of: bytes) { left in withBytes(of: other) { left.isEqual(to: $0) } }
        }
        #expect(isEqual(bytes))
        #expect(!isEqual(bytes + [0]))
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x80
            #expect(!isEqual(changed))
        }
    }

    @Test("a load beyond the end traps")
    func loadBeyondTheEnd() async {
        await #expect(processExitsWith: .failure) {
            withBytes(of: [1, 2, 3]) { _ = $0.load(UInt32.self, at: 0) }
        }
    }

    @Test("a store beyond the end traps")
    func storeBeyondTheEnd() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer()
            buffer.appendZeros(3)
            buffer.store(UInt32(1), at: 0)
        }
    }
}
