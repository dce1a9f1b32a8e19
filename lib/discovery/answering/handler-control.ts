import { Logger } from '@nestjs/common';
import type { Msg } from '@nats-io/transport-node';
import type { Handlers, HandlerState, JetStreamEvents } from '../../consuming/index.js';
import { errorText, printable } from '../../reporting/index.js';
import {
  actionOf,
  CONTROL_TYPE,
  type ControlAction,
  type ControlAnswer,
  type ControlProblem,
  type ControlRequest,
  LONGEST_HANDLER,
  LONGEST_SENDER,
} from '../control-messages.js';
import { parsed } from '../parsed-payload.js';
import type { HandlerReport, ServiceIdentity } from '../service-messages.js';

/** The largest payload of a command that is read, in bytes. */
const LARGEST = 8_192;
/** The maximum number of commands that are executed at the same time. */
const MOST_RUNNING = 100;
/** The maximum number of handlers that an answer names. */
const MOST_NAMES = 50;

/** The handlers that commands can name. */
export interface ControlledService {
  readonly identity: ServiceIdentity;
  readonly handlers: Handlers;
  readonly events: JetStreamEvents;
  /** The present states of the handlers of this service. */
  states(): readonly HandlerState[];
  /** The handlers with a name in `Handlers`, as the service shows them. */
  reports(name: string): readonly HandlerReport[];
}

/** Executes the commands of other clients. Each is logged and reported as an event, with the text about its sender. */
export class HandlerControl {
  private readonly logger = new Logger('JetStreamDiscovery');
  private running = 0;

  constructor(private readonly service: ControlledService) {}

  /** Executes a command. Never rejects. @returns the answer */
  async execute(message: Pick<Msg, 'subject' | 'data'>): Promise<ControlAnswer> {
    const action = actionOf(message.subject);
    const request = message.data.length > LARGEST ? undefined : readRequest(message.data);
    if (action === undefined || request === undefined) {
      return this.refusal(
        'invalid-request',
        'the action must be pause, resume, stop or start, and the payload a JSON object with handler and by',
      );
    }
    const states = this.service.states();
    const target = states.find(({ handler }) => handler === request.handler);
    if (target === undefined) return this.refusal('handler-not-found', known(states));
    if (this.running >= MOST_RUNNING)
      return this.refusal('busy', `${this.running} other commands are not completed`);
    this.running++;
    try {
      this.report(action, request, target);
      await this.service.handlers[action](request.handler);
      return { ...this.head, handlers: this.service.reports(request.handler) };
    } catch (error) {
      this.logger.warn(`${target.handler}: the command to ${action} it failed: ${errorText(error)}`);
      return this.refusal('failed', errorText(error));
    } finally {
      this.running--;
    }
  }

  private get head(): ServiceIdentity & { readonly type: typeof CONTROL_TYPE } {
    return { type: CONTROL_TYPE, ...this.service.identity };
  }

  private refusal(code: ControlProblem, message: string): ControlAnswer {
    return { ...this.head, error: { code, message } };
  }

  /** The names of handlers are those of this application; the text about the sender was chosen by the sender. */
  private report(
    action: ControlAction,
    { by }: ControlRequest,
    { handler, connection, source }: HandlerState,
  ): void {
    const sender = by === undefined ? undefined : printable(by);
    const from = sender === undefined ? 'another client, which gave no name' : `"${sender}"`;
    this.logger.log(`${handler}: received the command to ${action} it from ${from}`);
    this.service.events.emit({
      type: 'handler-controlled',
      connection,
      handler,
      source,
      action,
      by: sender,
      time: new Date(),
    });
  }
}

function readRequest(data: Uint8Array): ControlRequest | undefined {
  const { handler, by } = parsed(data) ?? {};
  if (typeof handler !== 'string' || handler === '' || handler.length > LONGEST_HANDLER) return undefined;
  if (by === undefined || by === null) return { handler };
  return typeof by === 'string' && by.length <= LONGEST_SENDER ? { handler, by } : undefined;
}

function known(states: readonly HandlerState[]): string {
  const names = [...new Set(states.map(({ handler }) => handler))];
  const shown = names.slice(0, MOST_NAMES).join(', ') || 'none';
  return `its handlers are: ${shown}${names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} others` : ''}.`;
}
