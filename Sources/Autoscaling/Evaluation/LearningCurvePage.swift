public import Learning

/// Figures of training as a page: the score of the checkpoints and the losses over the steps.
public struct LearningCurvePage: Sendable {
    /// Heading of the page, and what was trained.
    public var title: String
    public var note: String

    /// A page.
    public init(title: String, note: String) {
        self.title = title
        self.note = note
    }

    /// The page of a curve; one HTML file without scripts or other files.
    public func html(_ curve: LearningCurve) -> String {
        var body = "<header><h1>\(AxesPlot.escaped(title))</h1><p>\(AxesPlot.escaped(note))</p></header>"
        func plot(_ title: String, _ note: String, _ lines: [(String, Int, (LearningCurve.Point) -> Double?)]) {
            let series = lines.map { name, colour, value in
                AxesPlot.Series(
                    name: name, colour: colour,
                    points: curve.points.compactMap { point in value(point).map { (Double(point.step) / 1_000, $0) } },
                    isLine: true)
            }
            body += AxesPlot(
                title: title, note: note, xLabel: "thousand steps", yLabel: "", series: series, decimals: (0, 3)
            ).html()
        }
        var best = -Double.infinity
        let records = curve.points.map { point in
            best = max(best, point.score)
            return best
        }
        let bests = Dictionary(zip(curve.points.map(\.step), records), uniquingKeysWith: { max($0, $1) })
        plot(
            "Score of the checkpoints", "Minus cost over need on the validation days; higher is better.",
            [("checkpoint", 5, { $0.score }), ("best so far", 8, { bests[$0.step] })])
        plot("Training", "Mean return of the last 100 episodes.", [("return", 4, { $0.trainingReturn })])
        plot("Loss of the values", "Mean of the last updates.", [("loss", 1, { $0.valueLoss })])
        return EvaluationPage.page(title: title, body: body)
    }
}
