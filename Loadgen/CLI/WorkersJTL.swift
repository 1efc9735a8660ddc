internal import Engine
internal import Glibc
internal import Report
internal import Scenario

/// The parts of a JTL that the workers of a run wrote.
enum WorkersJTL {
    /// What writes the rows of one worker; nil where the scenario asks for none.
    static func writer(_ settings: RunSettings, _ index: Int) throws(OutputError) -> JTLWriter? {
        guard let path = settings.file.outputs.jtl else { return nil }
        return try JTLWriter(
            WorkerShare.part(path, index), PlanFacts(settings.plan), dialect: settings.file.outputs.dialect,
            time: settings.file.outputs.time)
    }

    /// Puts the parts into the file the scenario names, in the order of the workers.
    ///
    /// - Throws: `LoadError` where a part is missing or incomplete: rows that are not there would show a wrong throughput.
    static func join(_ settings: RunSettings, _ count: Int) throws(LoadError) {
        guard let path = settings.file.outputs.jtl else { return }
        do throws(OutputError) {
            let file = try OutputFile(path)
            for index in 0..<count { try copy(WorkerShare.part(path, index), to: file, isFirst: index == 0) }
            try file.finish()
        } catch {
            throw LoadError(.system, error.description)
        }
    }

    /// Removes what is there of the parts.
    static func discard(_ settings: RunSettings, _ count: Int) {
        guard let path = settings.file.outputs.jtl else { return }
        for index in 0..<count {
            let part = WorkerShare.part(path, index)
            for name in [part, part + ".partial", part + ".incomplete"] { unsafe unlink(name) }
        }
    }

    private static func copy(_ part: String, to file: OutputFile, isFirst: Bool) throws(OutputError) {
        let descriptor = unsafe open(part, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw OutputError(
                .incomplete, "\(part): \(unsafe String(cString: strerror(errno))); its worker's rows are missing")
        }
        defer { close(descriptor) }
        var isHeader = !isFirst
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            var bytes = chunk[..<count]
            if isHeader {
                guard let end = bytes.firstIndex(of: 0x0A) else { continue }
                bytes = bytes[(end + 1)...]
                isHeader = false
            }
            try file.write(Array(bytes))
        }
    }
}

extension ScenarioOutputs {
    /// The dialect of the JTL, as its writer names it.
    var dialect: Report.JTLDialect {
        switch jtlDialect {
        case .current: .current
        case .old: .old
        }
    }

    /// What its times count from, as its writer names it.
    var time: Report.JTLTime {
        switch jtlTime {
        case .intended: .intended
        case .service: .service
        }
    }
}
