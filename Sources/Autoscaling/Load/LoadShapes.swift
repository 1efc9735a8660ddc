extension LoadTrace {
    /// The same rate for `seconds`.
    public static func steady(rate: Double, seconds: Int) -> LoadTrace {
        LoadTrace(name: "steady", rates: [Double](repeating: rate, count: max(0, seconds)))
    }

    /// `low`, and `high` within `during`.
    public static func step(low: Double, high: Double, during: Range<Int>, seconds: Int) -> LoadTrace {
        LoadTrace(name: "step", rates: (0..<max(0, seconds)).map { during.contains($0) ? high : low })
    }

    /// `base`, and a tent of `width` seconds that rises to `top` in its middle.
    public static func spike(base: Double, top: Double, at middle: Int, width: Int, seconds: Int) -> LoadTrace {
        let half = max(1, Double(width) / 2)
        return LoadTrace(
            name: "spike",
            rates: (0..<max(0, seconds)).map { second in
                let distance = Double(abs(second - middle)) / half
                return base + (top - base) * max(0, 1 - distance)
            })
    }

    /// A flash crowd: from `at` the rate rises along a line to `factor` times `base` in `rise` seconds, stays `hold`
    /// seconds and falls along a line in `fall` seconds.
    public static func flash(
        base: Double, factor: Double, at start: Int, rise: Int, hold: Int, fall: Int, seconds: Int
    ) -> LoadTrace {
        LoadTrace(
            name: "flash",
            rates: (0..<max(0, seconds)).map { second in
                let since = Double(second - start)
                let (up, stay, down) = (Double(rise), Double(hold), Double(fall))
                let share =
                    if since < 0 || since >= up + stay + down {
                        0.0
                    } else if since < up {
                        since / up
                    } else if since < up + stay {
                        1.0
                    } else {
                        (up + stay + down - since) / down
                    }
                return base * (1 + (factor - 1) * share)
            })
    }
}
