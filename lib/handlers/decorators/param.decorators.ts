import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { JetStreamContext } from '../../consuming/index.js';
import { type JetStreamMessage, type MessageMetadata, readHeader } from '../../jetstream/index.js';

/**
 * A parameter decorator that accepts a selector and pipes. It is declared here because Nest 11 and 12 declare the type
 * differently.
 */
type PickingDecorator<Pick> = (
  ...pickOrPipes: (Pick | Type<PipeTransform> | PipeTransform)[]
) => ParameterDecorator;

function messageOf(context: ExecutionContext): JetStreamMessage {
  return context.switchToRpc().getContext<JetStreamContext>().message;
}

const headersOf = (name: string | undefined, context: ExecutionContext): MsgHdrs | string | undefined => {
  const { headers } = messageOf(context);
  return name === undefined ? headers : readHeader(headers, name);
};

const subjectOf = (token: number | undefined, context: ExecutionContext): string | undefined => {
  const { subject } = messageOf(context);
  return token === undefined ? subject : subject.split('.')[token];
};

const metadataOf = (_: unknown, context: ExecutionContext): MessageMetadata => messageOf(context).metadata;

const itself = (_: unknown, context: ExecutionContext): JetStreamMessage => messageOf(context);

/**
 * The message's headers, or the value of one header by name; `undefined` if there is none. An exact match of the name
 * takes precedence over one that differs only in case.
 */
export const JsHeaders: PickingDecorator<string> = createParamDecorator(headersOf);

/** The message's subject, or one of its tokens by its position from 0. */
export const JsSubject: PickingDecorator<number> = createParamDecorator(subjectOf);

/**
 * Stream, consumer, sequences, delivery count and time of the message. Not for handlers of `@NatsSubscribe`, whose
 * messages belong to no stream.
 */
export const JsMetadata: PickingDecorator<never> = createParamDecorator(metadataOf);

/** The message itself; in a handler of `@NatsSubscribe`, the client's `Msg`. */
export const JsMessage: PickingDecorator<never> = createParamDecorator(itself);

/**
 * The decorators above, by the factory that Nest stores for them, to recognize them on handlers that have no message.
 */
export const MESSAGE_PARAMS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [headersOf, '@JsHeaders'],
  [subjectOf, '@JsSubject'],
  [metadataOf, '@JsMetadata'],
  [itself, '@JsMessage'],
]);
