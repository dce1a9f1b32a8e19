/** The token of the client that speaks to the services. */
export const SHOP = Symbol('SHOP');
