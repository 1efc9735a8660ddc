/// The answer of Prometheus' HTTP API to an instant query that is meant to give one number.
struct PrometheusAnswer: Equatable {
    /// The number; nil where there is none: no series, or NaN or infinite.
    let value: Double?
    /// The time that the server evaluated at, seconds since 1970 UTC; nil where there is no series.
    let time: Double?
    /// What the server warned of.
    let warnings: [String]

    /// Reads `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[time,"number"]}]}}`;
    /// a scalar is taken too.
    ///
    /// - Throws: `.configuration` for more than one series, or a query the server refuses; `.unreadable` for the rest.
    init(_ tree: JSONTree?) throws(ActuationFault) {
        guard let tree, let status = tree["status"].string else {
            throw ActuationFault(.unreadable, "no answer of Prometheus' API")
        }
        guard status == "success" else {
            let kind = tree["errorType"].string ?? "error"
            throw ActuationFault(
                kind == "bad_data" ? .configuration : .unavailable,
                "Prometheus says \(kind): \((tree["error"].string ?? "").prefix(300))")
        }
        warnings = (tree["warnings"].array ?? []).compactMap(\.string)
        let data = tree["data"]
        let pair: [JSONTree]?
        switch data["resultType"].string {
        case "scalar": pair = data["result"].array
        case "vector":
            guard let result = data["result"].array else {
                throw ActuationFault(.unreadable, "a vector without result")
            }
            guard result.count <= 1 else {
                throw ActuationFault(
                    .configuration, "the query gives \(result.count) series instead of one: aggregate it")
            }
            guard let only = result.first else {
                value = nil
                time = nil
                return
            }
            pair = only["value"].array
        default:
            throw ActuationFault(.configuration, "the query gives neither an instant vector nor a scalar")
        }
        guard let pair, pair.count == 2, let time = pair[0].double, let text = pair[1].string else {
            throw ActuationFault(.unreadable, "a sample that is no pair of a time and a number in quotes")
        }
        self.time = time
        switch text {
        case "NaN", "+Inf", "-Inf": value = nil
        default:
            guard let number = Double(text), number.isFinite else {
                throw ActuationFault(.unreadable, "a sample's value is no number")
            }
            value = number
        }
    }
}
