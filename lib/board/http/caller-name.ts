import { printable, propertyOf } from '../../reporting/index.js';

/** The longest name that is logged and stored, in characters. */
const LONGEST = 200;

/** The members of `request.user` that can name a person, as guards and Passport strategies set them. */
const NAMES = ['email', 'username', 'name', 'sub', 'id'] as const;

/**
 * The name of a caller: the one that the option `access` returned, otherwise that of `request.user`. On one line, and
 * short, because callers may have chosen it.
 */
export function callerName(request: unknown, named: string | undefined): string | undefined {
  const name = named ?? nameOf(propertyOf(request, 'user'));
  return name === undefined || name === '' ? undefined : printable(name.slice(0, LONGEST));
}

function nameOf(user: unknown): string | undefined {
  if (typeof user === 'string') return user;
  for (const name of NAMES) {
    const value = propertyOf(user, name);
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  }
  return undefined;
}
