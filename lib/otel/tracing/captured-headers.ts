import type { Span } from '@opentelemetry/api';
import type { ObservedHeaders } from '../../instruments/index.js';
import { HEADER_PREFIX } from '../conventions.js';

/** Adds headers to a span. */
export type CaptureHeaders = (span: Span, headers: ObservedHeaders) => void;

/** Creates the function for the option `captureHeaders`; `undefined` if there are no patterns. */
export function captureHeaders(patterns: readonly string[] = []): CaptureHeaders | undefined {
  if (patterns.length === 0) return undefined;
  const wanted = new RegExp(`^(?:${patterns.map(expressionOf).join('|')})$`, 'i');
  return (span, headers) => {
    for (const name of headers.keys()) {
      if (wanted.test(name)) span.setAttribute(HEADER_PREFIX + name.toLowerCase(), headers.get(name));
    }
  };
}

function expressionOf(pattern: string): string {
  return pattern.split('*').map(escaped).join('.*');
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
