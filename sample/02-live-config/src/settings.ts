/** The configuration of the application, as the bucket `settings` keeps it: one key for each. */
export interface Settings {
  /** How many requests a second a customer may make. */
  readonly rateLimit: number;
  /** What visitors are greeted with. */
  readonly greeting: string;
}

/** What holds until the bucket says otherwise. */
export const DEFAULTS: Settings = { rateLimit: 10, greeting: 'Hello' };
