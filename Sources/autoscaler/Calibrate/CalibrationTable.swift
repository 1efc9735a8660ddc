internal import Autoscaling
internal import Foundation

/// What `autoscaler calibrate` prints: its fits, and how they do at loads they have not seen.
enum CalibrationTable {
    /// One line a service.
    static func fits(_ calibration: ChainCalibration) -> String {
        let header = [
            "service", "steps", "form", "workers", "time ms", "variation", "capacity/s", "unloaded ms", "pause ms",
            "knee/s", "mean off", "p95 off",
        ]
        let rows = calibration.fits.map { fit in
            [
                fit.service, "\(fit.steps)", fit.discipline.name, "\(fit.workers)", milliseconds(fit.serviceTime),
                String(format: "%.2f", fit.serviceVariation), String(format: "%.1f", fit.capacity),
                milliseconds(fit.unloaded?.mean ?? fit.serviceTime), milliseconds(fit.unloaded?.pause ?? 0),
                String(format: "%.1f", fit.kneeRate),
                percent(fit.meanError), percent(fit.p95Error),
            ]
        }
        return aligned([header] + rows)
    }

    /// One line a load: predicted beside measured; loads above the fitted rates are marked.
    static func checks(_ checks: [LoadCheck]) -> String {
        let header = [
            "service", "replicas", "rate/s", "steps", "mean", "p50", "p95", "p99", "p95 off", "fitted rates",
        ]
        let rows = checks.map { check in
            let (model, step) = (check.predicted, check.measured)
            return [
                step.service, "\(step.replicas)", String(format: "%.1f", step.rate), "\(check.repeats)",
                pair(model.mean, step.mean), pair(model.p50, step.p50), pair(model.p95, step.p95),
                pair(model.p99, step.p99), String(format: "%+.1f %%", 100 * check.p95Deviation),
                check.isExtrapolated ? "ABOVE" : "within",
            ]
        }
        return aligned([header] + rows)
    }

    /// The comments above the profile.
    static func comments(_ calibration: ChainCalibration) -> [String] {
        ["Written by `autoscaler calibrate`."]
            + calibration.fits.map { fit in
                "\(fit.service): \(fit.steps) steps, error of the mean \(percent(fit.meanError)), of p95 "
                    + "\(percent(fit.p95Error)); \(String(format: "%.1f", fit.capacity)) requests a second a replica, "
                    + "\(String(format: "%.1f", fit.kneeRate)) below the knee."
            }
    }

    /// One line for each service whose steps end so far below its capacity that this is little more than a guess.
    static func guesses(_ calibration: ChainCalibration) -> [String] {
        calibration.fits.filter { $0.reach < ServiceFit.reachMin }.map { fit in
            "service '\(fit.service)' was measured up to \(percent(fit.reach)) of the \(rate(fit.capacity)) requests a "
                + "second that a replica is taken to serve: the capacity is a guess, measure greater rates"
        }
    }

    /// A share with one decimal.
    static func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }

    /// A rate with one decimal.
    static func rate(_ rate: Double) -> String { String(format: "%.1f", rate) }

    private static func milliseconds(_ seconds: Double) -> String { String(format: "%.4g", seconds * 1e3) }

    /// Predicted / measured in milliseconds.
    private static func pair(_ predicted: Double, _ measured: Double?) -> String {
        "\(String(format: "%.2f", predicted * 1e3)) / \(measured.map { String(format: "%.2f", $0 * 1e3) } ?? "-")"
    }

    private static func aligned(_ rows: [[String]]) -> String {
        guard let header = rows.first else { return "" }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + blanks : blanks + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
