/// What one request does.
public struct OperationPlan: Sendable {
    /// Name in mixes, thresholds and reports, such as `order.new`.
    public var name: String
    /// The request.
    public var request: RequestPlan
    /// The values a request may be given, by index: for FIX and calls which fields may be bound, for HTTP the names in
    /// the templates. At most `fieldsMax`.
    public var fields: [FieldPlan]

    /// Fields of one operation at most.
    public static let fieldsMax = 32

    /// An operation; the fields of FIX orders follow from the request.
    public init(name: String, request: RequestPlan, fields: [FieldPlan] = []) {
        self.name = name
        self.request = request
        self.fields = fields.isEmpty ? request.orderFields.map { FieldPlan(name: $0) } : fields
    }
}

/// A value that requests of an operation need.
public struct FieldPlan: Sendable, Equatable {
    /// Its name in bindings.
    public var name: String
    /// Where it comes from unless a flow or mix binds it; nil where it must be bound (HTTP) or may be absent (others).
    public var fallback: ValueSource?

    /// A field.
    public init(name: String, fallback: ValueSource? = nil) {
        self.name = name
        self.fallback = fallback
    }
}

/// A request by protocol.
public enum RequestPlan: Sendable {
    /// FIX NewOrderSingle. Bindings may be: account, symbol, side (buy|sell), qty, price.
    case newOrder
    /// FIX OrderCancelRequest. Binding `id` names the order; without it a random open order of the session.
    case cancel
    /// FIX OrderCancelReplaceRequest. Bindings `id`, `qty`, `price` as above.
    case replace
    /// HTTP.
    case http(HTTPRequestPlan)
    /// A call in this process; bindings are its arguments.
    case call

    /// The fields of a FIX order that may be bound; empty for other requests.
    public var orderFields: [String] {
        switch self {
        case .newOrder: ["account", "symbol", "side", "qty", "price"]
        case .cancel: ["id"]
        case .replace: ["id", "qty", "price"]
        case .http, .call: []
        }
    }
}

/// An HTTP request.
public struct HTTPRequestPlan: Sendable {
    /// GET, POST, ...; a token.
    public var method: String
    /// Path and query.
    public var path: TextTemplate
    /// Headers beside the target's.
    public var headers: [HeaderTemplatePlan]
    /// Body; Content-Length follows from it.
    public var body: TextTemplate?
    /// Status codes that count as done right; others below 500 are `rejected`, from 500 on `error`.
    public var expected: ClosedRange<Int>

    /// A name with a template.
    public struct HeaderTemplatePlan: Sendable {
        /// Its name.
        public var name: String
        /// Its value.
        public var value: TextTemplate

        /// A header.
        public init(name: String, value: TextTemplate) {
            self.name = name
            self.value = value
        }
    }

    /// A request; anything from 200 to 399 is right.
    public init(
        method: String = "GET", path: TextTemplate, headers: [HeaderTemplatePlan] = [], body: TextTemplate? = nil,
        expected: ClosedRange<Int> = 200...399
    ) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.expected = expected
    }
}

/// Text with values in it: `/orders/${id}?symbol=${symbol}`.
public struct TextTemplate: Sendable {
    /// A piece of the text.
    public enum Piece: Sendable {
        /// As it stands, UTF-8.
        case text([UInt8])
        /// The value of `OperationPlan.fields[index]`.
        case field(Int)
    }

    /// The pieces in order.
    public var pieces: [Piece]

    /// A template.
    public init(_ pieces: [Piece]) { self.pieces = pieces }
}

/// Where a value comes from.
public enum ValueSource: Sendable, Equatable {
    /// The same text always.
    case literal([UInt8])
    /// A new draw of `LoadPlan.feeders[index]` for every request; of a CSV feeder its first column.
    case feeder(Int)
    /// The column of the row that a CSV feeder gives this iteration; all its requests see the same row.
    case column(feeder: Int, column: Int)
    /// Variable of the running flow, 0..<8, set by `save`.
    case variable(Int)
}

/// A field of a request and its value.
public struct BindingPlan: Sendable, Equatable {
    /// The field, see `RequestPlan`; for HTTP the name in templates.
    public var field: String
    /// Its value.
    public var source: ValueSource

    /// A binding.
    public init(field: String, source: ValueSource) {
        self.field = field
        self.source = source
    }
}

/// Steps of one user or arrival, with the values they share.
public struct FlowPlan: Sendable {
    /// Variables of one run of a flow at most.
    public static let variablesMax = 8
    /// Steps at most.
    public static let stepsMax = 64

    /// Name in mixes.
    public var name: String
    /// The steps in order.
    public var steps: [FlowStep]
    /// Names of the variables, by index.
    public var variables: [String]

    /// A flow.
    public init(name: String, steps: [FlowStep], variables: [String] = []) {
        self.name = name
        self.steps = steps
        self.variables = variables
    }
}

/// One step of a flow.
public enum FlowStep: Sendable {
    /// A request; the flow ends where it fails, since what follows would need its reply.
    case request(FlowRequest)
    /// A pause.
    case think(ThinkTime)
}

/// A request of a flow.
public struct FlowRequest: Sendable {
    /// Index of the operation.
    public var operation: Int
    /// Fields bound here.
    public var bindings: [BindingPlan] = []
    /// Values taken from the reply.
    public var saves: [SavePlan] = []
    /// Share of runs in which it is sent, 0...1; else the flow goes on behind it.
    public var probability = 1.0

    /// A request that is always sent.
    public init(operation: Int) { self.operation = operation }
}

/// A value taken from a reply.
public struct SavePlan: Sendable, Equatable {
    /// What of the reply.
    public enum Extract: Sendable, Equatable {
        /// The order the request made or changed: FIX only.
        case order
        /// A path into a JSON body, such as `$.order.id` or `$[0].id`: keys and indices.
        case json([String])
        /// A header of the reply, lower case.
        case header(String)
        /// A FIX tag of the answer.
        case tag(Int)
    }

    /// Index of the variable.
    public var variable: Int
    /// What goes into it; at most 64 bytes.
    public var extract: Extract

    /// A save.
    public init(variable: Int, extract: Extract) {
        self.variable = variable
        self.extract = extract
    }
}

/// A distribution of pauses.
public enum ThinkTime: Sendable, Equatable {
    /// No pause.
    case none
    /// Always so many seconds.
    case constant(Double)
    /// Exponential with that mean, seconds.
    case exponential(mean: Double)
    /// Uniform between two bounds, seconds.
    case uniform(Double, Double)
    /// Lognormal: its median in seconds, and the deviation of its logarithm.
    case lognormal(median: Double, sigma: Double)
}

/// Weighted operations and flows.
public struct MixPlan: Sendable {
    /// What an iteration does.
    public enum Item: Sendable, Equatable {
        /// One request of that operation.
        case operation(Int)
        /// A run of that flow.
        case flow(Int)
    }

    /// Name in scenarios.
    public var name: String
    /// Items with positive weights.
    public var items: [(item: Item, weight: Double)]
    /// Bindings of the items that are operations, parallel to `items`.
    public var bindings: [[BindingPlan]]

    /// A mix.
    public init(name: String, items: [(item: Item, weight: Double)], bindings: [[BindingPlan]] = []) {
        self.name = name
        self.items = items
        self.bindings = bindings.isEmpty ? items.map { _ in [] } : bindings
    }
}

/// A seeded source of values.
public struct FeederPlan: Sendable {
    /// Kinds of sources.
    public enum Kind: Sendable {
        /// `prefix` + (rank + `firstNumber`), ranks Zipf distributed; shuffled: popular ranks are spread over the
        /// numbers.
        case zipf(size: Int, exponent: Double, prefix: String, firstNumber: Int, isShuffled: Bool)
        /// `prefix` + a whole number, uniform.
        case uniform(ClosedRange<Int>, prefix: String)
        /// Lognormal, rounded up to a multiple, within bounds.
        case lognormal(mu: Double, sigma: Double, roundTo: Int, min: Int, max: Int)
        /// Rows of a file.
        case csv(columns: [String], rows: [[String]], order: RowOrder)
    }

    /// Which row comes next.
    public enum RowOrder: String, Sendable, CaseIterable {
        /// From first to last and again.
        case sequential
        /// Uniform.
        case random
        /// Each once in random order, then again in another.
        case shuffled
    }

    /// Name in bindings.
    public var name: String
    /// The source.
    public var kind: Kind

    /// A feeder.
    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}
