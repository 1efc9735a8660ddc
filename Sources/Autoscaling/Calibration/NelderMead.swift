/// The downhill simplex of Nelder and Mead (1965), for smooth functions of a few parameters.
enum NelderMead {
    /// The best point found from `start` with first steps of `size`, after `evaluations` values at most.
    static func minimum(
        from start: [Double], size: [Double], evaluations: Int = 200, of value: ([Double]) -> Double
    ) -> (point: [Double], value: Double) {
        var corners = [(point: start, value: value(start))]
        for index in start.indices {
            var point = start
            point[index] += size[index]
            corners.append((point, value(point)))
        }
        var used = corners.count
        let dimensions = Double(start.count)
        while used < evaluations {
            corners.sort { $0.value < $1.value }
            let worst = corners[corners.count - 1]
            if worst.value - corners[0].value <= 1e-12 * (1 + corners[0].value.magnitude) { break }
            let centre = start.indices.map { axis in
                corners.dropLast().reduce(0) { $0 + $1.point[axis] } / dimensions
            }
            func along(_ factor: Double) -> (point: [Double], value: Double) {
                let point = start.indices.map { centre[$0] + factor * (worst.point[$0] - centre[$0]) }
                used += 1
                return (point, value(point))
            }
            let reflected = along(-1)
            if reflected.value < corners[0].value {
                let expanded = along(-2)
                corners[corners.count - 1] = expanded.value < reflected.value ? expanded : reflected
            } else if reflected.value < corners[corners.count - 2].value {
                corners[corners.count - 1] = reflected
            } else {
                let contracted = along(reflected.value < worst.value ? -0.5 : 0.5)
                if contracted.value < min(reflected.value, worst.value) {
                    corners[corners.count - 1] = contracted
                } else {
                    for corner in 1..<corners.count {
                        let point = start.indices.map { 0.5 * (corners[0].point[$0] + corners[corner].point[$0]) }
                        corners[corner] = (point, value(point))
                        used += 1
                    }
                }
            }
        }
        return corners.min { $0.value < $1.value } ?? corners[0]
    }
}
