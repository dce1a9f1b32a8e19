import type { HandlerReport, ServiceIdentity } from '../service-messages.js';

/** One running instance of a service, as it described itself. Everything in it was chosen by the instance. */
export interface ServiceInstance extends ServiceIdentity {
  /** When it began to answer. */
  readonly startedAt: Date;
  /** Whether it is the application that asked. */
  readonly isSelf: boolean;
  readonly endpoints: readonly ServiceEndpoint[];
}

/** One subject that an instance of a service handles, with its figures since the start. */
export interface ServiceEndpoint {
  /** The name of the endpoint, such as `Billing-onPlaced`. Handlers with several subjects have several endpoints. */
  readonly name: string;
  readonly subject: string;
  /** The group in which instances share the messages; empty if each instance receives all of them. */
  readonly queueGroup: string;
  readonly requests: number;
  readonly errors: number;
  /** Empty if there was none. */
  readonly lastError: string;
  /** In milliseconds. */
  readonly processingTime: number;
  /** In milliseconds. */
  readonly averageProcessingTime: number;
  /** The state of the handler; `undefined` if the service does not use this library. */
  readonly handler: HandlerReport | undefined;
}

/** The answers of instances. */
export interface ServiceInstances {
  /** In the order of names and ids. */
  readonly instances: readonly ServiceInstance[];
  /**
   * The number of answers that were left out: no valid answers of a service, a second one with the same id, of another
   * service than the requested one, or beyond the limits of 1,000 instances and 64 MiB.
   */
  readonly skipped: number;
}
