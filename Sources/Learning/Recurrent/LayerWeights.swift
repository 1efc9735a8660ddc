/// Where the four tensors of a recurrent layer lie: PyTorch's names and shapes, `gates` blocks of `hidden` rows each.
struct LayerWeights: Sendable {
    let inputs: Int
    let hidden: Int
    /// W_ih, [gates · hidden, inputs].
    let inputWeight: ParameterSlot
    /// W_hh, [gates · hidden, hidden].
    let hiddenWeight: ParameterSlot
    let inputBias: ParameterSlot
    let hiddenBias: ParameterSlot

    /// Adds the tensors of layer `number` to `layout`.
    init(_ name: String, number: Int, gates: Int, inputs: Int, hidden: Int, layout: inout ParameterLayout) {
        self.inputs = inputs
        self.hidden = hidden
        inputWeight = layout.add("\(name).weight_ih_l\(number)", shape: [gates * hidden, inputs])
        hiddenWeight = layout.add("\(name).weight_hh_l\(number)", shape: [gates * hidden, hidden])
        inputBias = layout.add("\(name).bias_ih_l\(number)", shape: [gates * hidden])
        hiddenBias = layout.add("\(name).bias_hh_l\(number)", shape: [gates * hidden])
    }

    /// All of them, in the order they were added.
    var slots: [ParameterSlot] { [inputWeight, hiddenWeight, inputBias, hiddenBias] }
}
