import {
  type Context,
  context,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  type TextMapGetter,
} from '@opentelemetry/api';
import type { ObservedHeaders, ObservedMessage } from '../instruments/index.js';

/** Baggage may be set independently of a trace. */
const BAGGAGE = 'baggage';

/** Reads headers by their exact name first, and then ignoring case: other clients may write `Traceparent`. */
const HEADERS: TextMapGetter<ObservedHeaders> = {
  get: (headers, name) => headerOf(headers, name) || undefined,
  keys: (headers) => headers.keys(),
};

/** The first value of a header; an empty string if there is none. */
export function headerOf(headers: ObservedHeaders, name: string): string {
  const exact = headers.get(name);
  if (exact !== '') return exact;
  const lower = name.toLowerCase();
  for (const each of headers.keys()) {
    if (each.length === lower.length && each.toLowerCase() === lower) return headers.get(each);
  }
  return '';
}

/** The context that the publisher of a message sent with it. It is never derived from the context that is active. */
export function remoteContext(headers: ObservedHeaders | undefined): Context {
  return headers === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, headers, HEADERS);
}

/** The headers that pass a context on. */
export function contextHeaders(from: Context = context.active()): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  propagation.inject(from, headers, defaultTextMapSetter);
  return headers;
}

/**
 * Whether a message already belongs to a trace: its caller has set a header of the propagator. Nothing is then added to
 * it, because a trace state or baggage of another trace would not fit.
 */
export function hasTrace(message: ObservedMessage): boolean {
  for (const field of propagation.fields()) if (field !== BAGGAGE && message.has(field)) return true;
  return false;
}
