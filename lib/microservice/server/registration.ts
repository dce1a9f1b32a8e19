import type { MessageHandler } from '@nestjs/microservices';
import { completion } from '../serving/index.js';

/** A handler as Nest registers it. */
export interface Registration {
  /** The pattern as a subject. */
  readonly pattern: string;
  readonly isEvent: boolean;
  readonly extras: Readonly<Record<string, unknown>>;
  /** Nest's whole pipeline, including the method. */
  readonly handler: MessageHandler;
}

/** The name of a registration in errors and logs. */
export function describe({ isEvent, pattern }: Registration): string {
  return `@${isEvent ? 'EventPattern' : 'MessagePattern'}('${pattern}')`;
}

/** Whether a registration is served. */
export function isEnabled({ extras }: Registration): boolean {
  return extras.enabled !== false;
}

/** The names of several registrations in errors and logs. */
export function describeAll(registrations: readonly Registration[]): string {
  const [first, ...others] = new Set(registrations.map(describe));
  if (others.length < 2) return [first, ...others].join(' and ');
  return `${first} and ${others.length} others`;
}

/** Combines several handlers of the same events. The result ends when all have ended, and fails if one has failed. */
export function together(handlers: readonly MessageHandler[]): MessageHandler {
  if (handlers.length === 1) return handlers[0];
  const run = async (handler: MessageHandler, data: unknown, context: unknown): Promise<unknown> =>
    completion(await handler(data, context));
  return async (data, context) => {
    const outcomes = await Promise.allSettled(handlers.map((handler) => run(handler, data, context)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  };
}
