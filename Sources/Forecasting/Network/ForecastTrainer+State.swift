internal import Learning

extension ForecastTrainer {
    /// The best forecaster with everything training needs to go on after the last whole epoch.
    func stateFile() -> TensorFile {
        var file = ForecastCheckpoint.file(forecaster)
        model.network.withValues { file.add($0, model.network.layout, prefix: "train.") }
        trainer.adam.add(to: &file, model.network.layout)
        file.tensors["train.epoch"] = .init(
            shape: [2], .int64([Int64(epoch), Int64(epochsSinceBest)]))
        file.tensors["train.best"] = .init(shape: [1], .float64([bestValidation]))
        file.metadata["train.settings"] = settingsText
        return file
    }

    /// Writes the state of training, from which `resume` goes on; the file is a forecaster as well.
    ///
    /// To be called after a whole epoch.
    public func writeState(to path: String) throws(ForecastError) {
        guard bestValidation.isFinite else {
            throw ForecastError(.diverged, "no epoch has given a validation that is finite")
        }
        try ForecastCheckpoint.write(stateFile(), to: path)
    }

    /// Goes on from the state in the file at `path`, which must come from the same settings and the same data.
    ///
    /// On an error nothing is changed.
    public func resume(from path: String) throws(ForecastError) {
        let saved = try ForecastCheckpoint.read(path)
        let file: TensorFile
        do {
            file = try TensorFile(path: path)
        } catch {
            throw ForecastError(error)
        }
        guard saved.configuration == model.configuration, saved.features == model.features else {
            throw ForecastError(.checkpoint, "\(path) is of another model: '\(saved.name)'")
        }
        guard let settings = file.metadata["train.settings"] else {
            throw ForecastError(.checkpoint, "\(path) holds no state of training")
        }
        guard settings == settingsText else {
            throw ForecastError(.checkpoint, "\(path) was trained with other settings: \(settings)")
        }
        guard saved.scaler == model.scaler, saved.targetScales == model.targetScales, saved.ridge == model.ridge else {
            throw ForecastError(.checkpoint, "\(path) was trained on other data")
        }
        guard case .int64(let counts)? = file.tensors["train.epoch"]?.elements, counts.count == 2, counts[0] > 0,
            (0...counts[0]).contains(counts[1])
        else { throw ForecastError(.checkpoint, "\(path): tensor 'train.epoch' is absent or wrong") }
        let validation = try ForecastCheckpoint.doubles(file, "train.best", [1])[0]
        let layout = model.network.layout
        let kept = model.network.parameters
        do throws(LearningError) {
            try model.network.withValues { values throws(LearningError) in
                try file.load(into: values, layout, prefix: "train.")
            }
            try trainer.adam.load(file, layout)
        } catch {
            model.network.withValues { $0.copy(from: kept) }
            throw ForecastError(error)
        }
        best.copyParameters(from: saved.network)
        resume(epoch: Int(counts[0]), bestValidation: validation, epochsSinceBest: Int(counts[1]))
    }

    /// What must be the same for a resumed run to be the uninterrupted one.
    private var settingsText: String {
        "epochs \(configuration.epochs), windows \(configuration.windowsPerEpoch), batch \(configuration.batch), rate "
            + "\(configuration.learningRate), clip \(configuration.clipNorm), patience \(configuration.patience), "
            + "validation \(configuration.validationOriginsMax), seed \(configuration.seed)"
    }
}
