import type { ObservedHeaders } from '../instruments/index.js';

/** The largest report that is read, in bytes: it comes from outside. */
const LARGEST = 65_536;
/** The most steps of one report. */
const MOST_STEPS = 100;
/** The most values of one step. */
const MOST_VALUES = 32;
/** Longer texts are truncated, in characters. */
const LONGEST_TEXT = 256;
/** How far the time of a step may be away from now, in seconds. */
const FARTHEST = 86_400;
/** Such as `1.2`; empty for the server that the publisher is connected to. */
const HOP = /^(\d{1,6}(\.\d{1,6}){0,15})?$/;

/** A step of a message through a server. */
export interface Step {
  /** `in`, `sm`, `js`, `se`, `si` or `eg`, as in ADR-41. */
  readonly type: string;
  /** Seconds and nanoseconds since 1970, by the clock of the server. */
  readonly time: readonly [number, number];
  /** The values of the step that are texts, numbers or booleans. */
  readonly values: Readonly<Record<string, string | number | boolean>>;
}

/** The report of one server about one message. */
export interface ServerReport {
  readonly server: {
    readonly name: string;
    readonly host?: string;
    readonly version?: string;
    readonly cluster?: string;
  };
  /** The place of the server on the path, such as `1.2`; empty for the first. */
  readonly hop: string;
  /** To how many further servers it passed the message on. */
  readonly hops: number;
  /** The headers of the message that its publisher has set for the trace. */
  readonly headers: ObservedHeaders;
  readonly steps: readonly Step[];
}

/**
 * Reads a report of a server about the path of a message; `undefined` if it is not one.
 *
 * @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-41.md
 */
export function readReport(data: Uint8Array): ServerReport | undefined {
  if (data.length > LARGEST) return undefined;
  const report = objectOf(parse(data));
  const server = objectOf(report?.server);
  if (report === undefined || typeof server?.name !== 'string' || !Array.isArray(report.events))
    return undefined;
  const headers = headersOf(objectOf(report.request)?.header);
  const hop = headers.get('Nats-Trace-Hop');
  const steps = report.events.slice(0, MOST_STEPS).flatMap((event: unknown) => stepOf(objectOf(event)) ?? []);
  if (!HOP.test(hop) || steps.length === 0 || steps.some(isFarAway)) return undefined;
  return {
    server: {
      name: short(server.name),
      ...(typeof server.host === 'string' && { host: short(server.host) }),
      ...(typeof server.ver === 'string' && { version: short(server.ver) }),
      ...(typeof server.cluster === 'string' && { cluster: short(server.cluster) }),
    },
    hop,
    hops: typeof report.hops === 'number' && Number.isSafeInteger(report.hops) ? Math.max(0, report.hops) : 0,
    headers,
    steps,
  };
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString());
  } catch {
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
}

function headersOf(value: unknown): ObservedHeaders {
  const headers = new Map<string, string>();
  for (const [name, values] of Object.entries(objectOf(value) ?? {})) {
    const first: unknown = Array.isArray(values) ? values[0] : undefined;
    if (typeof first === 'string') headers.set(name, first);
  }
  return { get: (name) => headers.get(name) ?? '', keys: () => [...headers.keys()] };
}

function stepOf(event: Fields | undefined): Step | undefined {
  const { type, ts, ...others } = event ?? {};
  const time = timeOf(ts);
  if (typeof type !== 'string' || time === undefined) return undefined;
  const values: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(others).slice(0, MOST_VALUES)) {
    if (typeof value === 'string') values[short(name)] = short(value);
    else if (typeof value === 'number' || typeof value === 'boolean') values[short(name)] = value;
  }
  return { type: short(type), time, values };
}

function short(text: string): string {
  return text.slice(0, LONGEST_TEXT);
}

/** Any client that may publish to the subject can forge a report, which must not change another day. */
function isFarAway({ time: [seconds] }: Step): boolean {
  return Math.abs(Date.now() / 1_000 - seconds) > FARTHEST;
}

/** Servers write up to nine digits of a second, and `Date` reads three. */
function timeOf(text: unknown): readonly [number, number] | undefined {
  const found = typeof text === 'string' ? /^(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) : null;
  if (found === null) return undefined;
  const [, seconds, fraction = '', zone] = found;
  const time = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(time) ? undefined : [time / 1_000, Number(fraction.padEnd(9, '0'))];
}
