internal import Foundation
internal import Learning

/// A page with the learning curves of each case as inline SVG, without scripts or other files.
enum LearnerPage {
    private static let width = 960.0
    private static let height = 300.0
    private static let left = 56.0
    private static let bottom = 30.0
    private static let top = 12.0

    /// The whole page.
    static func html(_ table: LearnerTable) -> String {
        var out = """
            <!doctype html><html lang="en"><head><meta charset="utf-8"><title>Learning curves</title><style>
            body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem}
            svg{width:100%;height:auto}text{font-size:11px;fill:#555}.grid{stroke:#ddd}
            path{fill:none;stroke-width:1.6}.greedy{stroke:#1f6feb}.training{stroke:#d97706;stroke-dasharray:4 3}
            pre{overflow-x:auto}figure{margin:1.5rem 0}
            </style></head><body><h1>Learning curves</h1>
            <p>Solid: mean return of the greedy evaluation episodes. Dashed: mean of the last 100 episodes of training.
            One line a seed.</p>

            """
        for (each, runs) in table.cases {
            out += "<figure><figcaption><h2>\(each.title)</h2><p>\(each.published)</p></figcaption>"
            out += svg(each, runs) + "</figure>\n"
        }
        return out + "<pre>\(table.text.replacingOccurrences(of: ">", with: "&gt;"))</pre></body></html>\n"
    }

    private static func svg(_ each: LearnerCase, _ runs: [LearnerRun]) -> String {
        let steps = Double(runs.map(\.steps).max() ?? 1)
        let range = each == .ppoCartPole || each == .dqnCartPole ? (0.0, 500.0) : (-500.0, 0.0)
        func x(_ step: Int) -> Double { left + (width - left - 10) * Double(step) / steps }
        func y(_ value: Double) -> Double {
            let part = (min(max(value, range.0), range.1) - range.0) / (range.1 - range.0)
            return height - bottom - (height - bottom - top) * part
        }
        var out = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(each.title)\">"
        for part in 0...5 {
            let value = range.0 + (range.1 - range.0) * Double(part) / 5
            let at = text(y(value))
            out += "<line class=\"grid\" x1=\"\(text(left))\" x2=\"\(text(width - 10))\" y1=\"\(at)\" y2=\"\(at)\"/>"
            out += "<text x=\"\(text(left - 6))\" y=\"\(text(y(value) + 4))\" text-anchor=\"end\">\(Int(value))</text>"
            let step = Int(steps) * part / 5
            out += "<text x=\"\(text(x(step)))\" y=\"\(text(height - 10))\" text-anchor=\"middle\">\(step)</text>"
        }
        for run in runs {
            let greedy = run.curve.points.map { ($0.step, GreedyEvaluation.mean($0.evaluationReturns)) }
            let training = run.curve.points.compactMap { point in point.trainingReturn.map { (point.step, $0) } }
            for (style, points) in [("training", training), ("greedy", greedy)] where points.count > 1 {
                let path = points.map { "\(text(x($0.0))) \(text(y($0.1)))" }.joined(separator: "L")
                out += "<path class=\"\(style)\" d=\"M\(path)\"/>"
            }
        }
        return out + "</svg>"
    }

    private static func text(_ value: Double) -> String { String(format: "%.1f", value) }
}
