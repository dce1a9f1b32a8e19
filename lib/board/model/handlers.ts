/** A handler, with each instance that runs it. Rates are computed by the page from two successive views. */
export interface HandlerRow {
  /** The service (option `discovery`); absent for an application without it, which is then the only instance. */
  readonly service?: string;
  /** The class and method, or the pattern. */
  readonly handler: string;
  /** The name for commands; absent if it cannot be controlled. */
  readonly controlName?: string;
  /** `consumer`, `kv-watch`, `object-watch`, `subscription`, `request`, `event` or `schedule`. */
  readonly form: string;
  readonly connection: string;
  /** The stream, bucket or subject. */
  readonly source: string;
  readonly consumer?: string;
  readonly instances: readonly HandlerInstance[];
}

/** A handler in one instance. */
export interface HandlerInstance {
  readonly id: string;
  /** Whether it is the instance that serves the board. */
  readonly isSelf: boolean;
  /** `starting`, `running`, `paused`, `recovering`, `stopped`. */
  readonly status?: string;
  readonly statusAge?: number;
  readonly connected?: boolean;
  readonly inFlight?: number;
  readonly buffered?: number;
  /** How long the oldest message in flight has been handled. */
  readonly oldest?: number;
  readonly circuitOpen?: boolean;
  /** How many messages its consumer had not delivered yet. */
  readonly lag?: number;
  /** Deliveries since the start. */
  readonly requests: number;
  readonly errors: number;
  /** Empty if there was none, or payloads are masked. */
  readonly lastError: string;
  /** The sum of all deliveries. */
  readonly processingTime: number;
  /** How often deliveries had each outcome. */
  readonly outcomes?: Readonly<Record<string, number>>;
}

/** The view `handlers`. */
export interface HandlersView {
  readonly time: string;
  readonly rows: readonly HandlerRow[];
  /** Answers of instances that could not be read. */
  readonly skipped: number;
}

/** The view `instances`. */
export interface InstancesView {
  readonly rows: readonly InstanceRow[];
  readonly skipped: number;
}

/** A running instance of a service. */
export interface InstanceRow {
  readonly service: string;
  readonly id: string;
  readonly version: string;
  readonly isSelf: boolean;
  readonly startedAt: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly endpoints: number;
  readonly requests: number;
  readonly errors: number;
}

/** The view `flow`: streams and handlers, and what goes from one to the other. */
export interface FlowView {
  readonly nodes: readonly FlowNode[];
  readonly edges: readonly FlowEdge[];
}

export interface FlowNode {
  readonly id: string;
  readonly kind: 'stream' | 'handler' | 'bucket' | 'subject' | 'dead-letters';
  readonly label: string;
}

/** `count` grows: the page computes the rate. */
export interface FlowEdge {
  readonly from: string;
  readonly to: string;
  /** `delivers`, `publishes` or `dead-letters`. */
  readonly kind: 'delivers' | 'publishes' | 'dead-letters';
  readonly subject?: string;
  readonly count?: number;
}

/** An event of the connections, handlers, or of the board itself. */
export interface BoardEvent {
  readonly time: string;
  /** A type of `JetStreamEvent`, or `action`: a person used the board. */
  readonly type: string;
  readonly connection?: string;
  readonly handler?: string;
  readonly source?: string;
  /** The person who acted. */
  readonly by?: string;
  readonly text: string;
}
