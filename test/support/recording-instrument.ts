import type {
  CallResult,
  Ending,
  HandlerInstrument,
  JetStreamInstrument,
  ObservedCall,
  ObservedDelivery,
  ObservedHandler,
  ObservedOperation,
  OperationInstrument,
} from 'nestjs-nats-jetstream';

/** The calls of the instrument for one delivery, in order. */
export interface RecordedDelivery {
  readonly handler: string;
  readonly delivery: ObservedDelivery;
  readonly steps: string[];
  ending?: Ending;
}

/** One operation. */
export interface RecordedCall {
  readonly kind: string;
  readonly source: string | undefined;
  readonly call: ObservedCall;
  result?: CallResult;
}

/** Records all of its calls. */
export class RecordingInstrument implements JetStreamInstrument {
  readonly handlers: ObservedHandler[] = [];
  readonly operations: ObservedOperation[] = [];
  readonly deliveries: RecordedDelivery[] = [];
  readonly calls: RecordedCall[] = [];

  /** The outcomes so far, of one handler or of all. */
  outcomes(handler?: string): string[] {
    return this.deliveries
      .filter((each) => handler === undefined || each.handler === handler)
      .flatMap(({ ending }) => (ending ? [ending.outcome] : []));
  }

  /** The operations of one kind that have ended. */
  ended(kind: string): RecordedCall[] {
    return this.calls.filter((each) => each.kind === kind && each.result !== undefined);
  }

  handler(handler: ObservedHandler): HandlerInstrument {
    this.handlers.push(handler);
    const find = (delivery: ObservedDelivery): RecordedDelivery => {
      const known = this.deliveries.find(
        (each) => each.delivery === delivery && each.handler === handler.handler,
      );
      if (known) return known;
      const recorded = { handler: handler.handler, delivery, steps: [] };
      this.deliveries.push(recorded);
      return recorded;
    };
    return {
      started: (delivery) => void find(delivery).steps.push('started'),
      run: (deliveries, next) => {
        for (const delivery of deliveries) find(delivery).steps.push('run');
        next();
      },
      ended: (delivery, ending) => {
        const recorded = find(delivery);
        recorded.steps.push('ended');
        recorded.ending = ending;
      },
    };
  }

  operation(operation: ObservedOperation): OperationInstrument {
    this.operations.push(operation);
    return {
      started: (call) => void this.calls.push({ kind: operation.kind, source: operation.source, call }),
      ended: (call, result) => {
        const recorded = this.calls.find((each) => each.call === call);
        if (recorded) recorded.result = result;
      },
    };
  }
}
