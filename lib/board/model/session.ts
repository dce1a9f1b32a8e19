/** A connection, as the view `session` shows it. */
export interface ConnectionRow {
  readonly name: string;
  readonly connected: boolean;
  /** The version of nats-server; absent if it is not connected. */
  readonly server?: string;
}
