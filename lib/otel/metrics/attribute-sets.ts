import type { Attributes } from '@opentelemetry/api';
import { Attribute, OTHER_ERROR } from '../conventions.js';
import { errorTypeOf } from '../failures.js';

/** The number of error types that have attributes of their own. An application may invent the names of its errors. */
const MOST_ERROR_TYPES = 50;

/** The same attributes with and without the type of an error. Each object is created once. */
export class AttributeSets {
  private readonly failed = new Map<string, Attributes>();

  constructor(readonly succeeded: Attributes) {}

  /** The attributes of something that failed. */
  of(error: unknown): Attributes {
    const type = errorTypeOf(error);
    const known = this.failed.get(type);
    if (known !== undefined) return known;
    return this.failed.size < MOST_ERROR_TYPES
      ? this.add(type)
      : (this.failed.get(OTHER_ERROR) ?? this.add(OTHER_ERROR));
  }

  private add(type: string): Attributes {
    const attributes = { ...this.succeeded, [Attribute.errorType]: type };
    this.failed.set(type, attributes);
    return attributes;
  }
}
