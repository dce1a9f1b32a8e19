import { setTimeout as sleep } from 'node:timers/promises';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { lastValueFrom } from 'rxjs';
import { startStopwatch, type Measurement } from './stopwatch.js';
import { StreamUnderTest } from './stream-under-test.js';
import { ORDER, type Handlers, type Storage, type SuiteName, type Transport } from './transport.js';

/** The work of one round. */
export interface Work {
  readonly operations: number;
  readonly storage: Storage;
}

/** The function that runs each suite with a transport, on a server that is started for the round. */
export const suites: Readonly<
  Record<SuiteName, (transport: Transport, url: string, work: Work) => Promise<Measurement>>
> = { emit, events, requests };

export async function measure(suite: SuiteName, transport: Transport, work: Work): Promise<Measurement> {
  const server = await NatsTestServer.start();
  try {
    return await suites[suite](transport, server.url, work);
  } finally {
    await server.stop();
  }
}

/**
 * `emit` of the client, with 1,000 of its observables in flight, until all have completed and the stream holds all
 * events. No service runs.
 */
async function emit(transport: Transport, url: string, { operations, storage }: Work): Promise<Measurement> {
  await createStream(transport, url, storage);
  const stream = await StreamUnderTest.open(url, transport.stream);
  const client = await transport.connect(url);
  globalThis.gc?.();

  const stop = startStopwatch();
  await atATime(1_000, operations, () => lastValueFrom(client.emit(ORDER), { defaultValue: undefined }));
  await stream.untilStored(operations);
  await client.flush();
  const measurement = stop(operations);

  // A client that does not wait for acknowledgements may still have some outstanding, and rejects them when it closes.
  await sleep(LATE_ACKNOWLEDGEMENTS);
  await client.close();
  await stream.close();
  return measurement;
}

/** The time, in milliseconds, within which acknowledgements arrive that a client does not wait for. */
const LATE_ACKNOWLEDGEMENTS = 300;

/**
 * An `@EventPattern` handler with a backlog, from its first call to the end of its last one. The backlog consists of
 * copies of a message that the transport's own client has published, so it is in the transport's own format.
 */
async function events(
  transport: Transport,
  url: string,
  { operations, storage }: Work,
): Promise<Measurement> {
  await createStream(transport, url, storage);
  const stream = await StreamUnderTest.open(url, transport.stream);
  const client = await transport.connect(url);
  await lastValueFrom(client.emit(ORDER), { defaultValue: undefined });
  await stream.untilStored(1);
  await client.close();
  await stream.copyFirst(operations);
  globalThis.gc?.();

  const { onEvent, measured } = countEvents(operations);
  const [service, measurement] = await Promise.all([transport.serve(url, storage, { onEvent }), measured]);
  await stream.verifySettled(operations);

  await service.close();
  await stream.close();
  return measurement;
}

/** Measures from the first event to the end of the last one. */
function countEvents(operations: number): Handlers & { readonly measured: Promise<Measurement> } {
  let onEvent: Handlers['onEvent'] = () => undefined;
  const measured = new Promise<Measurement>((resolve, reject) => {
    let left = operations;
    let stop: ReturnType<typeof startStopwatch> | undefined;
    onEvent = ({ total }) => {
      stop ??= startStopwatch();
      if (total !== ORDER.total) reject(new Error(`the total is ${total} instead of ${ORDER.total}`));
      if (--left === 0) resolve(stop(operations));
    };
  });
  return { onEvent, measured };
}

/** Requests to a `@MessagePattern` handler, 200 in flight; client and service are in one process. */
async function requests(
  transport: Transport,
  url: string,
  { operations, storage }: Work,
): Promise<Measurement> {
  const service = await transport.serve(url, storage, { onEvent: () => undefined });
  const client = await transport.connect(url);
  globalThis.gc?.();

  const stop = startStopwatch();
  await atATime(200, operations, async () => {
    const { total } = await lastValueFrom(client.send(ORDER));
    if (total !== ORDER.total) throw new Error(`the answer is ${total} instead of ${ORDER.total}`);
  });
  const measurement = stop(operations);

  await client.close();
  await service.close();
  return measurement;
}

/** Runs a service once so that it creates its stream and its consumer. */
async function createStream(transport: Transport, url: string, storage: Storage): Promise<void> {
  const service = await transport.serve(url, storage, { onEvent: () => undefined });
  await service.close();
}

async function atATime(width: number, operations: number, operate: () => Promise<unknown>): Promise<void> {
  let left = operations;
  const worker = async () => {
    while (left-- > 0) await operate();
  };
  await Promise.all(Array.from({ length: width }, worker));
}
