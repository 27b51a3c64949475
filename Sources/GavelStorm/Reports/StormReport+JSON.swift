// A storm's report for machines: one object, all figures as integers with their unit in the name.

import GavelJSON
import GavelProgram

extension StormReport {
    /// One object and a line feed.
    package var json: String {
        var writer = JSONWriter()
        writer.object { object in
            object.field("scenario", scenario.rawValue)
            object.field("runs", runs)
            object.name("settings")
            object.texts(settings)
            object.name("machine")
            object.texts(machine)
            object.name("notes")
            object.array { array in
                for note in notes { array.value(note) }
            }
            object.name("passes")
            object.array { array in
                for pass in passes { array.value(pass) }
            }
            object.name("ledger")
            object.value(settling)
            object.name("facts")
            object.texts(facts)
            object.field("digest", digest)
            object.field("clean", true)
        }
        writer.newline()
        return writer.text
    }
}

extension JSONWriter {
    /// Texts by name.
    mutating func texts(_ texts: [(name: String, value: String)]) {
        object { object in
            for (name, value) in texts {
                object.field(name.replacing(" ", with: "_"), value)
            }
        }
    }

    /// Figures by name, each with its range over the runs.
    mutating func value(_ figures: SpreadFigures) {
        object { object in
            for (name, spread) in zip(figures.names, figures.spreads) {
                object.name(name)
                object.object { object in
                    object.field("median", spread.median)
                    object.field("least", spread.least)
                    object.field("most", spread.most)
                }
            }
        }
    }

    mutating func value(_ pass: PassSummary) {
        object { object in
            object.field("name", pass.last.name)
            object.field("what", pass.last.what)
            object.field("path", pass.last.path)
            object.field("loop", pass.last.loop.rawValue)
            object.field("batch", pass.last.batch)
            object.field("in_flight", pass.last.inFlight)
            object.name("figures")
            object.value(pass.figures)
            object.name("codes")
            object.object { object in
                for (name, count) in pass.last.codes { object.field(name, count) }
            }
            object.field("timeline_step_ms", pass.last.timelineMilliseconds)
            object.name("timeline")
            object.array { array in
                for point in pass.last.timeline { array.value(point) }
            }
        }
    }

    mutating func value(_ point: TimelinePoint) {
        object { object in
            object.field("start_ms", point.startMilliseconds)
            object.field("accepted", point.accepted)
            object.field("rejected", point.rejected)
            object.field("replayed", point.replayed)
            object.field("refused", point.refused)
            object.field("latency_p50_ns", point.p50)
            object.field("latency_p99_ns", point.p99)
            object.field("latency_max_ns", point.max)
        }
    }
}
