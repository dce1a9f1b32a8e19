import type { MessageContract, StandardSchema } from '../../contracts/index.js';
import type { JsonSchema } from '../schemas/index.js';
import type { Address } from './addresses.js';
import type { ChannelExtension, OperationExtension } from './extensions.interface.js';

/** What is known about a payload: a schema, a class, or a fixed description. */
export type PayloadSource =
  { readonly schema: StandardSchema } | { readonly type: unknown } | { readonly fixed: JsonSchema };

/** A message before it has its key. */
export interface MessageDraft {
  /** The preferred key. */
  readonly key: string;
  readonly payload: PayloadSource;
  readonly contentType: string;
  readonly contract?: MessageContract | undefined;
  readonly summary?: string | undefined;
  readonly headers?: JsonSchema | undefined;
}

/** A channel before it has its key. */
export interface ChannelDraft {
  readonly key: string;
  readonly server: string;
  /** Without it, the address is only known at run time. */
  readonly address: Address | undefined;
  readonly description?: string | undefined;
  extension: ChannelExtension;
  readonly messages: Set<MessageDraft>;
}

/** An operation before it has its key. */
export interface OperationDraft {
  readonly key: string;
  readonly action: 'receive' | 'send';
  readonly channel: ChannelDraft;
  readonly messages: readonly MessageDraft[];
  readonly description?: string | undefined;
  readonly queue?: string | undefined;
  readonly reply?:
    | {
        readonly channel: ChannelDraft;
        readonly messages: readonly MessageDraft[];
        /** The header of the request with the subject of the answer. */
        readonly header?: string | undefined;
      }
    | undefined;
  readonly extension: OperationExtension;
}
