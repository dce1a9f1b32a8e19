import type { MessageContract } from './message-contract.js';

/**
 * The messages of one call of `forFeature`. Each is a provider, so that all publishers of an application can be found
 * when it starts.
 */
export class FeatureMessages {
  constructor(
    /** The name of the connection that publishes them. */
    readonly connection: string,
    readonly contracts: readonly MessageContract[],
  ) {}
}
