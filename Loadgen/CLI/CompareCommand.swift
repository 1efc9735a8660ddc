internal import ArgumentParser
internal import Report

/// `loadgen compare`: two runs side by side.
struct CompareCommand: ParsableCommand {
    /// The exit code for runs that differ.
    private static let different = ExitCode(2)

    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares two runs, and says whether they differ beyond chance.",
        discussion: """
            Examples:
              loadgen compare before.json after.json
              loadgen compare before.json after.json --tolerance 5% --html compare.html

            For each operation and percentile: both values with 95 % confidence intervals from the ranks n p +- 1.96
            sqrt(n p (1 - p)), widened as the intervals of the run show its requests to depend on each other, and whether
            the difference is larger than chance makes it. All tests together find a difference between equal runs in
            at most 5 % of cases. The page is the report of the second run with the first drawn into its curves.

            Exit codes: 0 no difference beyond chance (and the tolerance); 2 the runs differ; 1 a file could not be read
            or written; 104 a file is no summary, or the runs cannot be compared.
            """)

    @Argument(help: "JSON summary of the first run, schema version 2.")
    var first: String
    @Argument(help: "JSON summary of the second run.")
    var second: String
    @Option(help: "Relative differences up to this do not count: 0.05 or 5%.")
    var tolerance = "0"
    @Option(help: "Percentiles, in per cent.")
    var percentiles = "50,90,95,99,99.9"
    @Option(help: "Write the comparison as JSON here; - for standard output.")
    var json: String?
    @Option(help: "Write the HTML report of the second run with the first drawn into it here.")
    var html: String?

    func validate() throws {
        guard Self.ratio(tolerance) != nil else {
            throw ValidationError("--tolerance must be 0 to 10, or 0% to 1000%")
        }
        guard Self.percentiles(percentiles) != nil else {
            throw ValidationError("--percentiles must be 1 to 16 numbers above 0 and below 100, such as 50,99.9")
        }
    }

    func run() throws {
        let isDifferent = try SummaryFiles.guarded {
            let (a, b) = (try SummaryFiles.read(first), try SummaryFiles.read(second))
            let comparison = try RunComparison(
                a, b, percentiles: Self.percentiles(percentiles) ?? RunComparison.percentiles,
                tolerance: Self.ratio(tolerance) ?? 0)
            if let json { try OutputFile.write(ComparisonText.json(comparison), to: json) }
            if let html {
                let additions = PageAdditions(baseline: a, sections: [ComparisonText.section(comparison)])
                try OutputFile.write(HTMLPage.text(b, additions), to: html)
            }
            if json != "-", html != "-" { Terminal.say(ComparisonText.text(comparison)) }
            return comparison.isDifferent
        }
        if isDifferent { throw Self.different }
    }

    private static func ratio(_ text: String) -> Double? {
        let isPercent = text.hasSuffix("%")
        guard let number = Double(isPercent ? String(text.dropLast()) : text) else { return nil }
        let ratio = isPercent ? number / 100 : number
        return (0...10).contains(ratio) ? ratio : nil
    }

    private static func percentiles(_ text: String) -> [Double]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Double($0) }.filter { $0 > 0 && $0 < 100 }
        return numbers.count == parts.count && numbers.count <= 16 ? numbers : nil
    }
}
