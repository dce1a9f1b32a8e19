import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { JetStreamContext } from '../../consuming/index.js';
import { type JetStreamMessage, type MessageMetadata, readHeader } from '../../jetstream/index.js';

/** A decorator of parameters that takes what to pick, and pipes. Declared here, for Nest 11 and 12 type theirs differently. */
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
 * The message's headers, or the value of one of them by its name; `undefined` if there is none. The exact name counts
 * first, then one that differs only in case.
 */
export const JsHeaders: PickingDecorator<string> = createParamDecorator(headersOf);

/** The message's subject, or one of its tokens by its position from 0. */
export const JsSubject: PickingDecorator<number> = createParamDecorator(subjectOf);

/** Stream, consumer, sequences, delivery count and time of the message. */
export const JsMetadata: PickingDecorator<never> = createParamDecorator(metadataOf);

/** The message itself. */
export const JsMessage: PickingDecorator<never> = createParamDecorator(itself);

/** The decorators above by what Nest keeps of them, to tell where a handler has no message for them. */
export const MESSAGE_PARAMS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [headersOf, '@JsHeaders'],
  [subjectOf, '@JsSubject'],
  [metadataOf, '@JsMetadata'],
  [itself, '@JsMessage'],
]);
