/** The token of the client for the services. */
export const SHOP = Symbol('SHOP');
