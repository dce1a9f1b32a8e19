import { isObject } from '../validation/index.js';

/** The JSON object in a payload of a peer; `undefined` if there is none. Never throws. */
export function parsed(data: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
