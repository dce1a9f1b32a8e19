import type { HandlerReport, ServiceIdentity } from './service-messages.js';

/** The commands that other clients can send, as the methods of `Handlers`. */
export type ControlAction = 'pause' | 'resume' | 'stop' | 'start';

const ACTIONS: Readonly<Record<ControlAction, true>> = { pause: true, resume: true, stop: true, start: true };

export function isControlAction(value: unknown): value is ControlAction {
  return typeof value === 'string' && Object.hasOwn(ACTIONS, value);
}

/** The first token of the subjects. It is not below `$SRV`, so that permissions can separate both. */
const PREFIX = 'jetstream-control';
/** The position of the action among the tokens. */
const ACTION = 1;

/** The subject of a command. @param action `*` for all actions */
export function controlSubject(action: ControlAction | '*', name: string, id: string): string {
  return `${PREFIX}.${action}.${name}.${id}`;
}

/** The action in the subject of a command. */
export function actionOf(subject: string): ControlAction | undefined {
  const action = subject.split('.')[ACTION];
  return isControlAction(action) ? action : undefined;
}

/** The type of the answers. */
export const CONTROL_TYPE = 'nestjs-nats-jetstream.control.v1.response';

/** The longest name of a handler in a command, and the longest text about its sender, in characters. */
export const LONGEST_HANDLER = 500;
export const LONGEST_SENDER = 200;

/** The payload of a command. */
export interface ControlRequest {
  readonly handler: string;
  /** The person or program that sends it, for the log. It is not verified. */
  readonly by?: string | undefined;
}

/** Why a command was not executed. */
export type ControlProblem = 'invalid-request' | 'handler-not-found' | 'busy' | 'failed';

/** The answer to a command. */
export type ControlAnswer = ServiceIdentity & { readonly type: typeof CONTROL_TYPE } & (
    | { readonly handlers: readonly HandlerReport[] }
    | { readonly error: { readonly code: ControlProblem; readonly message: string } }
  );
