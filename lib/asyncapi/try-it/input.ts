import { Buffer } from 'node:buffer';
import { ownProperty } from '../../pages/index.js';
import { isObject, ownNames } from '../../validation/index.js';
import { TryItRefusal } from './refusal.js';

/** The input of an action. */
export interface TryItInput {
  /** The key of the channel in the document. */
  readonly channel: string;
  /** The values of the parameters in the subject. */
  readonly params: Readonly<Record<string, string>>;
  /** Whether there is a payload; `null` is one. */
  readonly hasPayload: boolean;
  readonly payload: unknown;
}

const NAMES: readonly string[] = ['channel', 'params', 'payload'];

/**
 * Reads the body of a request, which the HTTP platform has parsed.
 *
 * @param maxPayload the maximum size of the payload as JSON, in bytes
 * @throws {@link TryItRefusal}
 */
export function readInput(body: unknown, maxPayload: number): TryItInput {
  if (!isObject(body)) {
    throw new TryItRefusal(
      400,
      'The body is not a JSON object, or the application does not parse JSON bodies. Send { "channel", "params", "payload" }.',
    );
  }
  const unknown = ownNames(body).find((name) => !NAMES.includes(name));
  if (unknown !== undefined)
    throw new TryItRefusal(400, `The body has an unknown member. Its members are ${NAMES.join(', ')}.`);
  const channel = ownProperty(body, 'channel');
  if (typeof channel !== 'string') throw new TryItRefusal(400, 'channel must be the key of a channel.');
  const payload = ownProperty(body, 'payload');
  const size = sizeOf(payload);
  if (size > maxPayload)
    throw new TryItRefusal(413, `The payload has ${size} bytes; at most ${maxPayload} are allowed.`);
  return {
    channel,
    params: readParams(ownProperty(body, 'params')),
    hasPayload: Object.hasOwn(body, 'payload'),
    payload,
  };
}

/** The values in an object without a prototype, so that a name such as `constructor` finds nothing. */
function readParams(given: unknown): Readonly<Record<string, string>> {
  const params = Object.create(null) as Record<string, string>;
  if (given === undefined) return params;
  if (!isObject(given))
    throw new TryItRefusal(400, 'params must be an object with the values of parameters.');
  for (const name of ownNames(given)) {
    const value = ownProperty(given, name);
    if (typeof value !== 'string') throw new TryItRefusal(400, 'The values of params must be strings.');
    params[name] = value;
  }
  return params;
}

/** The size as JSON, in bytes. @throws {@link TryItRefusal} if it is nested too deeply */
function sizeOf(payload: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(payload) ?? '');
  } catch {
    throw new TryItRefusal(400, 'The payload cannot be converted to JSON: it is nested too deeply.');
  }
}
