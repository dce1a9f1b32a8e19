import { InvalidArgumentError } from '../errors/index.js';
import { errorText } from '../reporting/index.js';
import { wrongType } from '../user-code/index.js';
import { hasMethods } from '../validation/index.js';

/**
 * The Standard Schema interface (https://standardschema.dev), which zod, valibot, arktype and other libraries
 * implement. Only the members that are used here are declared; schemas of these libraries are assignable.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The result of validating a value. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The output type of a schema. */
export type SchemaOutput<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer Output }
    ? Output
    : unknown
  : unknown;

/** The input type of a schema. */
export type SchemaInput<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer Input }
    ? Input
    : unknown
  : unknown;

/** Whether a value is a schema. It may throw, for example for proxies. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  return hasMethods((value as { readonly '~standard'?: unknown } | null)?.['~standard'], ['validate']);
}

/** The outcome of a validation: the output, or the issues in words. */
export type SchemaOutcome =
  { readonly value: unknown; readonly problem?: undefined } | { readonly problem: string };

/**
 * Reads the result of a schema.
 *
 * @throws {@link InvalidArgumentError} if the schema returns no valid result: this is an error in the schema, not in
 * the payload
 */
export function schemaOutcome(given: unknown): SchemaOutcome {
  if (typeof given !== 'object' || given === null) {
    throw new InvalidArgumentError(
      'schema',
      `validate returned ${wrongType(given)}. It must return an object with value or issues.`,
    );
  }
  const result = given as StandardResult<unknown>;
  return result.issues ? { problem: describeAll(result.issues) } : { value: result.value };
}

/** Never throws, even if the schema returns invalid issues, because the payload is rejected in any case. */
function describeAll(issues: readonly StandardIssue[]): string {
  try {
    return Array.from(issues, describe).join('; ');
  } catch (error) {
    return `the issues cannot be read: ${errorText(error)}`;
  }
}

function describe({ message, path }: StandardIssue): string {
  const keys = Array.from(path ?? [], (key) => String(typeof key === 'object' ? key.key : key));
  return keys.length > 0 ? `${keys.join('.')}: ${String(message)}` : String(message);
}
