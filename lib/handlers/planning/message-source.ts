import { type JsConsumerOptions, widestPatterns } from '../../consuming/index.js';
import { type Coverage, coverageOf, type MessageContract } from '../../contracts/index.js';
import { subjectsOverlap } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import type { ConsumerDefinition } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { MessageConsumerOptions } from '../options/index.js';

/** The options of a handler with its stream and filters, and what is wrong with its messages. */
export interface SourceOfMessages {
  readonly options: JsConsumerOptions;
  readonly mistakes: readonly string[];
}

/**
 * Completes the options of a handler that names its messages by their contracts: with the stream that stores them, and
 * with their filters. Other options are returned unchanged.
 */
export async function sourceOfMessages(
  options: JsConsumerOptions | MessageConsumerOptions,
  { contracts, methods }: ConsumerDefinition,
  { name, jetstream }: HandlerConnection,
): Promise<SourceOfMessages> {
  const named = methods.flatMap((method) => method.contracts);
  const mistakes = [...new Set([...contracts, ...named])].filter(({ core }) => core).map(coreMistake);
  if (contracts.length === 0) return { options: options as JsConsumerOptions, mistakes };
  const isRouted = methods.some(({ patterns }) => patterns.length > 0);
  mistakes.push(...(isRouted ? checkRouted(contracts, named, methods) : checkOverlap(contracts)));
  let { stream } = options;
  if (stream === undefined && mistakes.length === 0) {
    const found = await streamOf(contracts, name, (filter) => coverageOf(jetstream, filter));
    mistakes.push(...found.mistakes);
    ({ stream } = found);
  }
  // The filters of a class follow from the patterns of its methods.
  const filters = isRouted ? {} : { filterSubjects: widestPatterns(contracts.map(({ filter }) => filter)) };
  return { options: { ...options, ...filters, stream: stream ?? '' } as JsConsumerOptions, mistakes };
}

function coreMistake({ name }: MessageContract): string {
  return `the message "${name}" is one of core NATS (core: true), which no stream stores: use @NatsSubscribe`;
}

/** The server refuses filters that overlap, unless one covers the other. */
function checkOverlap(contracts: readonly MessageContract[]): readonly string[] {
  const filters = widestPatterns(contracts.map(({ filter }) => filter));
  return filters.flatMap((a, i) =>
    filters
      .slice(0, i)
      .filter((b) => subjectsOverlap(a, b))
      .map((b) => `the messages on "${b}" and "${a}" overlap: use a handler of its own for each`),
  );
}

/** The contracts of a class, and those of its methods. */
function checkRouted(
  contracts: readonly MessageContract[],
  named: readonly MessageContract[],
  methods: ConsumerDefinition['methods'],
): readonly string[] {
  const unnamed = methods.filter((method) => method.contracts.length === 0).map(({ method }) => method);
  const text = (all: readonly MessageContract[]): string => all.map(({ name }) => `"${name}"`).join(', ');
  const mistakes: string[] = [];
  const unhandled = contracts.filter((each) => !named.includes(each));
  const others = named.filter((each) => !contracts.includes(each));
  if (unhandled.length > 0)
    mistakes.push(`no method handles ${text(unhandled)}: decorate one with @JsHandler(contract)`);
  if (others.length > 0)
    mistakes.push(`methods handle ${text(others)}: add them to the messages of @JsConsumer`);
  if (unnamed.length > 0) {
    mistakes.push(
      `@JsHandler of ${unnamed.join(', ')} must name messages, because @JsConsumer of the class does`,
    );
  }
  return mistakes;
}

async function streamOf(
  contracts: readonly MessageContract[],
  connection: string,
  coverage: (filter: string) => Promise<Coverage>,
): Promise<{ readonly stream: string | undefined; readonly mistakes: readonly string[] }> {
  const streams = new Map<string, MessageContract>();
  const mistakes: string[] = [];
  for (const contract of contracts) {
    const found = await coverage(contract.filter);
    if (found.kind === 'covered') streams.set(found.stream, contract);
    else mistakes.push(uncovered(contract, connection, found));
  }
  const [first, second] = streams;
  if (first !== undefined && second !== undefined) {
    mistakes.push(
      `"${first[1].name}" is stored in stream "${first[0]}" and "${second[1].name}" in stream "${second[0]}", but a consumer ` +
        'has one stream: use a handler of its own for each',
    );
  }
  return { stream: first?.[0], mistakes };
}

/** Why no stream was found for a handler. */
function uncovered(
  contract: MessageContract,
  connection: string,
  found: Exclude<Coverage, { readonly kind: 'covered' }>,
): string {
  const { name, filter } = contract;
  switch (found.kind) {
    case 'none':
      return noStream(contract, connection, found.streams);
    case 'partly':
      return (
        `the streams ${found.streams.join(', ')} store only some messages of "${name}" ("${filter}"): choose one with the ` +
        'option stream, or declare a stream that listens on all of them'
      );
    case 'unknown':
      return (
        `the stream of the message "${name}" ("${filter}") cannot be looked up: set the option stream, declare the stream in ` +
        `JetStreamModule.forFeature({ streams: [...] }), or grant the permission. ${errorText(found.error)}`
      );
  }
}

/** No stream stores the messages of a contract. */
export function noStream(
  { name, filter }: MessageContract,
  connection: string,
  streams: readonly string[],
): string {
  return (
    `no stream of connection "${connection}" stores the message "${name}" ("${filter}"); ` +
    `${streams.length > 0 ? `the streams are ${streams.join(', ')}` : 'there are no streams'}. Declare one in ` +
    'JetStreamModule.forFeature({ streams: [...] }), correct the subject, or set core: true in the definition of the message'
  );
}
