import type {
  HandlerInstrument,
  JetStreamInstrument,
  ObservedDelivery,
  ObservedHandler,
} from 'nestjs-nats-jetstream';
import type { Registry } from 'prom-client';
import type { Counts } from '../model/notes.js';

interface Tally {
  started: number;
  ended: number;
  returned: number;
}

/** Counts the deliveries to the handlers of durable consumers. */
export class CountingInstrument implements JetStreamInstrument {
  private readonly tallies = new Map<string, Tally & { readonly handler: string }>();

  handler({ handler, consumer }: ObservedHandler): HandlerInstrument | undefined {
    if (consumer === undefined) return undefined;
    const tally = { handler, started: 0, ended: 0, returned: 0 };
    this.tallies.set(consumer, tally);
    const open = new WeakSet<ObservedDelivery>();
    return {
      started: (delivery) => {
        open.add(delivery);
        tally.started++;
      },
      ended: (delivery) => {
        if (open.delete(delivery)) tally.ended++;
        else tally.returned++;
      },
    };
  }

  /** The counts so far, next to those of the metrics. */
  async counts(registry: Registry): Promise<Counts[]> {
    const metric = (await registry.getMetricsAsJSON()).find(
      ({ name }) => name === 'nats_jetstream_deliveries_total',
    );
    const values = metric?.values ?? [];
    return [...this.tallies].map(([form, { handler, started, ended, returned }]) => ({
      type: 'counts',
      form,
      started,
      ended,
      returned,
      measured: values
        .filter(({ labels }) => labels.handler === handler)
        .reduce((sum, { value }) => sum + Number(value), 0),
    }));
  }
}
