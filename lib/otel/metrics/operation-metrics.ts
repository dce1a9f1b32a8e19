import type { Attributes } from '@opentelemetry/api';
import { DeadLetterReason } from '../../consuming/index.js';
import type {
  CallResult,
  ObservedCall,
  ObservedOperation,
  OperationInstrument,
  OperationKind,
} from '../../instruments/index.js';
import { Attribute, OPERATIONS, SYSTEM } from '../conventions.js';
import { AttributeSets } from './attribute-sets.js';
import type { Recorded, Recorder } from './recorder.js';

/** The operations that send messages of the application. */
const SENDING: ReadonlySet<OperationKind> = new Set(['publish', 'publish-batch', 'ingest', 'request']);
const REASONS: ReadonlySet<string> = new Set(Object.values(DeadLetterReason));
/** The reason of dead letters that a handler asked for: its own text may be different for each message. */
const REQUESTED = 'requested';

/** Records the operations of one kind. */
export class OperationMetrics implements OperationInstrument {
  private readonly common: Attributes;
  private readonly unmatched: AttributeSets;
  /** By declared subject, of which there is a limited number. */
  private readonly matched = new Map<string, AttributeSets>();
  private readonly reasons = new Map<string, Attributes>();

  constructor(
    private readonly recorder: Recorder,
    private readonly operation: ObservedOperation,
  ) {
    const { name, type } = OPERATIONS[operation.kind];
    this.common = {
      [Attribute.system]: SYSTEM,
      [Attribute.operationName]: name,
      ...(type !== undefined && { [Attribute.operationType]: type }),
      ...(operation.source !== undefined && { [Attribute.bucket]: operation.source }),
    };
    this.unmatched = new AttributeSets(this.common);
  }

  ended({ pattern, reason }: ObservedCall, { duration, error, count }: CallResult): void {
    const recorded = this.recorder.current;
    if (recorded === undefined) return;
    const sets = pattern === undefined ? this.unmatched : this.matching(pattern);
    const attributes = error === undefined ? sets.succeeded : sets.of(error);
    recorded.operationDuration.record(duration / 1_000, attributes);
    if (SENDING.has(this.operation.kind)) recorded.sentMessages.add(count, attributes);
    if (this.operation.kind === 'dead-letter' && error === undefined) this.countDeadLetter(recorded, reason);
  }

  private matching(pattern: string): AttributeSets {
    let found = this.matched.get(pattern);
    if (found === undefined) {
      found = new AttributeSets({ ...this.common, [Attribute.destinationTemplate]: pattern });
      this.matched.set(pattern, found);
    }
    return found;
  }

  private countDeadLetter({ deadLetters }: Recorded, given: string | undefined): void {
    const reason = given !== undefined && REASONS.has(given) ? given : REQUESTED;
    let attributes = this.reasons.get(reason);
    if (attributes === undefined) {
      attributes = { [Attribute.system]: SYSTEM, [Attribute.reason]: reason };
      this.reasons.set(reason, attributes);
    }
    deadLetters.add(1, attributes);
  }
}
