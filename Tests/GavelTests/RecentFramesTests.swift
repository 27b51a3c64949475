// Frames that the core gave away: kept until they are durable, and for a while after that.

import AuctionDomain
import Testing

@testable import Gavel

@Suite("Recent frames")
struct RecentFramesTests {
    /// Frames without gaps, of so many entries of so many bytes and more.
    private static func frames(_ counts: [Int], reasonBytes: Int = 0) -> [Frame] {
        var builder = FrameBuilder(firstPosition: 7, capacity: 64)
        return counts.map { count in
            for _ in 0..<count {
                builder.append(
                    .cancelAuction(
                        AuctionHandle(rawValue: 1),
                        reason: String(repeating: "r", count: reasonBytes)),
                    id: .none, actor: .operator,
                    at: EntryPoint(position: builder.endPosition, time: .zero), rejection: nil,
                    events: [], links: [], salt: nil)
            }
            return builder.finish()
        }
    }

    @Test("Every entry of a frame that is not durable is found, and in no other frame")
    func lookUp() {
        let frames = Self.frames([3, 1, 40, 2])
        for keepsDurable in [true, false] {
            var recent = RecentFrames(keepsDurable: keepsDurable)
            #expect(recent.frame(with: 7) == nil)
            for frame in frames { recent.append(frame) }
            for position: UInt64 in 0..<60 {
                let expected = frames.first {
                    ($0.firstPosition..<$0.endPosition).contains(position)
                }
                #expect(recent.frame(with: position) === expected, "\(position)")
            }
        }
    }

    @Test("The bytes of each frame are told once, when it becomes durable")
    func bytes() {
        let frames = Self.frames([3, 1, 40, 2])
        var recent = RecentFrames(keepsDurable: true)
        for frame in frames { recent.append(frame) }
        #expect(recent.note(durable: 0) == 0)
        #expect(recent.note(durable: 9) == 0)
        #expect(recent.note(durable: 11) == frames[0].byteCount + frames[1].byteCount)
        #expect(recent.note(durable: 11) == 0)
        #expect(recent.note(durable: 60) == frames[2].byteCount + frames[3].byteCount)
    }

    @Test("What is durable goes, at once or when there is more than may be kept")
    func bounds() {
        let small = Self.frames(Array(repeating: 1, count: 1000))
        let large = Self.frames(Array(repeating: 100, count: 40), reasonBytes: 900)
        for frames in [small, large] {
            var (kept, none) = (
                RecentFrames(keepsDurable: true), RecentFrames(keepsDurable: false)
            )
            for (index, frame) in frames.enumerated() {
                kept.append(frame)
                none.append(frame)
                // The last two are on their way.
                guard index >= 2 else { continue }
                let durable = frames[index - 2].endPosition
                #expect(kept.note(durable: durable) == none.note(durable: durable))
                let found = frames[...index].filter {
                    kept.frame(with: $0.firstPosition) === $0
                }
                #expect(found.last === frame)
                // Without gaps, two that are not durable, and of the others as many as may be.
                #expect(found.first === frames[index + 1 - found.count])
                let durableBytes = found.dropLast(2).map(\.byteCount).reduce(0, +)
                #expect(found.count >= min(index + 1, 7) && found.count <= 258)
                #expect(durableBytes <= 1 << 20)
                #expect(none.frame(with: durable - 1) == nil)
                #expect(none.frame(with: durable) === frames[index - 1])
            }
        }
    }
}
