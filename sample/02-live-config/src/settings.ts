/** The configuration of the application, stored in the bucket `settings` with one key for each setting. */
export interface Settings {
  /** How many requests a second a customer may make. */
  readonly rateLimit: number;
  /** The greeting of visitors. */
  readonly greeting: string;
}

/** The values of settings that the bucket does not have. */
export const DEFAULTS: Settings = { rateLimit: 10, greeting: 'Hello' };
