import { rule } from '../validation/index.js';

/** A plain path: routers give other characters a meaning of their own, and the versions of Express different ones. */
export const plainPath = rule(
  'a path of letters, digits, "/", "_", "-", "." and "~", such as "internal/page"',
  (value) => typeof value === 'string' && /^\/?[\w~.-]+(\/[\w~.-]+)*\/?$/.test(value),
);
