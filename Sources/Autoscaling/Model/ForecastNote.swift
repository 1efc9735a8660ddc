/// Why a forecast is not what its trained model says, and what the safety ladder makes of it.
///
/// | note | who answers | ladder |
/// | --- | --- | --- |
/// | `ForecastWarmingUp`, `ForecastStale`, `ForecastClosed`, `ForecastModelRefused` | the newest rate (persistence) | the forecast rung goes on |
/// | `ForecastFilling` | profile and level (the model's rules) | the forecast rung goes on |
/// | `ForecastOutOfRange` | profile and level (the model's rules) | at most the forecast rung |
/// | `ForecastDrift` | the model, joined with its rules | at most the reactive rung |
public enum ForecastNote: String, Sendable, CaseIterable {
    /// The profile lacks whole days.
    case warmingUp = "ForecastWarmingUp"
    /// The window lacks bins since a gap or a new model.
    case filling = "ForecastFilling"
    /// An input is further from those of training than is trusted.
    case outOfRange = "ForecastOutOfRange"
    /// The newest bin is too old.
    case stale = "ForecastStale"
    /// Outside the hours that the model knows.
    case closed = "ForecastClosed"
    /// Errors have grown for good.
    case drift = "ForecastDrift"
    /// No model could be used.
    case refused = "ForecastModelRefused"

    /// Whether the ladder reports its beginning and its end: that a session is closed is no news, and a model that is
    /// refused was reported when it was read.
    var isReported: Bool { self != .closed && self != .refused }

    /// The note with what was seen.
    public func reason(_ text: String) -> Reason { Reason(rawValue, text) }
}
