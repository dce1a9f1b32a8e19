import type { Attributes } from '@opentelemetry/api';
import type { ObservedHandler } from '../instruments/index.js';
import { subjectCovers } from '../jetstream/index.js';
import { Attribute, PROCESS, SYSTEM } from './conventions.js';

/** A pattern of a handler, with what is the same for all of its messages. */
export interface Destination {
  /** The place in the list of the handler's destinations. */
  readonly index: number;
  /** The subject with wildcards; `undefined` if the handler has none that matches. */
  readonly template: string | undefined;
  /** The name of its spans. */
  readonly spanName: string;
}

/** The patterns of one handler. */
export class Destinations {
  private readonly all: readonly Destination[];
  /** For subjects that no pattern matches. */
  private readonly other: Destination = { index: 0, template: undefined, spanName: PROCESS.word };

  constructor(patterns: readonly string[]) {
    const sorted = [...new Set(patterns)].toSorted((a, b) => breadth(a) - breadth(b));
    this.all = sorted.map((template, i) => ({
      index: i + 1,
      template,
      spanName: `${PROCESS.word} ${template}`,
    }));
  }

  /** The destination of messages that share a span, such as those of a batch. */
  get common(): Destination {
    return this.all.length === 1 ? this.all[0] : this.other;
  }

  /** The destination of a message. */
  of(subject: string): Destination {
    // The consumer's filter has matched already.
    if (this.all.length === 1) return this.all[0];
    for (const each of this.all) if (subjectCovers(each.template ?? '', subject)) return each;
    return this.other;
  }
}

/** Several patterns may match a subject: the most specific one is used, as in the routing of messages. */
function breadth(pattern: string): number {
  const wildcards = pattern.split('.').filter((token) => token === '*').length;
  return pattern.endsWith('>') ? Number.MAX_SAFE_INTEGER : wildcards;
}

/** The attributes that all messages of a handler and destination have in common, for spans and metrics. */
export function processAttributes(
  { consumer, form, source }: ObservedHandler,
  { template }: Destination,
): Attributes {
  const attributes: Attributes = {
    [Attribute.system]: SYSTEM,
    [Attribute.operationName]: PROCESS.name,
    [Attribute.operationType]: PROCESS.type,
  };
  if (template !== undefined) attributes[Attribute.destinationTemplate] = template;
  if (form === 'kv-watch' || form === 'object-watch') attributes[Attribute.bucket] = source;
  else if (consumer !== undefined) {
    attributes[Attribute.consumerGroup] = consumer;
    attributes[Attribute.stream] = source;
  }
  return attributes;
}
