/** A span with its children, as a literal. */
export interface Tree {
  readonly span: string;
  readonly kind?: string;
  readonly delivery?: unknown;
  readonly error?: string;
  readonly events?: readonly string[];
  readonly children?: readonly Tree[];
}

/** An ended span in a form that can be sent as JSON. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: string;
  readonly id: string;
  readonly parent?: string | undefined;
  /** Seconds and nanoseconds. */
  readonly startTime: readonly [number, number];
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
}

/** All traces, the oldest first. */
export function treesOf(spans: readonly EndedSpan[]): readonly Tree[] {
  const known = new Set(spans.map(({ id }) => id));
  const roots = spans.filter(({ parent }) => parent === undefined || !known.has(parent));
  return sorted(roots).map((span) => treeOf(span, spans));
}

function treeOf(span: EndedSpan, all: readonly EndedSpan[]): Tree {
  const { name, kind, id, attributes, isError, events } = span;
  const children = sorted(all.filter(({ parent }) => parent === id));
  const delivery = attributes['messaging.nats.message.delivery_count'];
  return {
    span: name,
    kind,
    ...(delivery !== undefined && { delivery }),
    ...(isError && { error: String(attributes['error.type']) }),
    ...(events.length > 0 && { events }),
    ...(children.length > 0 && { children: children.map((child) => treeOf(child, all)) }),
  };
}

function sorted(spans: readonly EndedSpan[]): readonly EndedSpan[] {
  const time = ({ startTime: [seconds, nanos] }: EndedSpan): number => seconds * 1e9 + nanos;
  return spans.toSorted((a, b) => time(a) - time(b));
}
