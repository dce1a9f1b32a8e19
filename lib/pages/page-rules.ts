import { rule } from '../validation/index.js';

/** A list of guards: classes or instances. */
export const guardList = rule(
  'a list of guards: classes or instances',
  (value) =>
    Array.isArray(value) &&
    value.every((each) => typeof each === 'function' || (typeof each === 'object' && each !== null)),
);

/** A plain path: routers give other characters a meaning of their own, and the versions of Express different ones. */
export const plainPath = rule(
  'a path of letters, digits, "/", "_", "-", "." and "~", such as "internal/page"',
  (value) => typeof value === 'string' && /^\/?[\w~.-]+(\/[\w~.-]+)*\/?$/.test(value),
);
