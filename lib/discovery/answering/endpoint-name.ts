/**
 * The name of a handler's endpoints. ADR-32 allows only letters, digits, `_` and `-`, so `Billing.onPlaced` becomes
 * `Billing-onPlaced`, and `@EventPattern('orders.*')` becomes `EventPattern-orders-any`.
 */
export function endpointName(handler: string): string {
  const words = handler
    .replaceAll('*', 'any')
    .replaceAll('>', 'all')
    .split(/[^A-Za-z0-9_-]+/);
  return words.filter((word) => word !== '').join('-') || 'handler';
}

/** The handlers whose endpoints have the name of another handler. */
export function nameCollisions(
  handlers: Iterable<string>,
): { readonly handler: string; readonly name: string; readonly other: string }[] {
  const names = new Map<string, string>();
  return [...new Set(handlers)].flatMap((handler) => {
    const name = endpointName(handler);
    const other = names.get(name);
    if (other !== undefined) return [{ handler, name, other }];
    names.set(name, handler);
    return [];
  });
}
