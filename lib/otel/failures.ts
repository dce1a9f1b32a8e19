import { type Span, SpanStatusCode } from '@opentelemetry/api';
import type { UserCalls } from '../user-code/index.js';
import { errorClass, errorStack, errorText, propertyOf } from '../reporting/index.js';
import { Attribute, OTHER_ERROR } from './conventions.js';

/** The maximum length of the name of an error. */
const LONGEST_NAME = 100;

/** The class of an error: `error.type`. Never throws. */
export function errorTypeOf(error: unknown): string {
  const name = errorClass(error) ?? '';
  return name === '' ? OTHER_ERROR : name.slice(0, LONGEST_NAME);
}

/** The text of an error. The errors of requests are often plain objects with a message. */
function messageOf(error: unknown): string {
  const own = typeof error === 'object' && error !== null ? propertyOf(error, 'message') : undefined;
  return errorText(typeof own === 'string' && own !== '' ? own : error);
}

/** Writes failures into spans. */
export class Failures {
  constructor(
    private readonly expected: ((error: unknown) => boolean) | undefined,
    private readonly calls: UserCalls,
  ) {}

  /** Adds an error to a span. Never throws, except what the span throws. */
  mark(span: Span, error: unknown): void {
    if (!span.isRecording()) return;
    const message = messageOf(error);
    const type = errorTypeOf(error);
    const stack = errorStack(error);
    span.recordException({ name: type, message, ...(stack !== undefined && { stack }) });
    if (this.isExpected(error)) return;
    span.setAttribute(Attribute.errorType, type);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  private isExpected(error: unknown): boolean {
    const { expected } = this;
    return expected !== undefined && this.calls.decide('The option expected', () => expected(error));
  }
}
