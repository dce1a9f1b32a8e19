/** A handler at work: a consumer's loop or a watch. */
export interface HandlerRunner {
  /** Class and method. */
  readonly handler: string;
  start(): Promise<void>;
  /** Takes nothing new, lets what is in the works end for up to `timeout` milliseconds, gives the rest back. */
  stop(timeout: number): Promise<void>;
}
