import type { JsonSchema } from '../schemas/index.js';
import type {
  ChannelExtension,
  MessageExtension,
  OperationExtension,
  ServerExtension,
} from './extensions.interface.js';

/** A reference to another part of the document, such as `#/channels/orders.id.placed`. */
export interface AsyncApiReference {
  readonly $ref: string;
}

/** An AsyncAPI 3.0 document: plain data that can be converted to JSON. Keys of maps are sorted. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly id?: string;
  readonly info: AsyncApiInfo;
  /** The media type of messages without their own `contentType`. */
  readonly defaultContentType: string;
  /** One for each connection, by its name. */
  readonly servers: Readonly<Record<string, AsyncApiServer>>;
  readonly channels: Readonly<Record<string, AsyncApiChannel>>;
  readonly operations: Readonly<Record<string, AsyncApiOperation>>;
  readonly components: AsyncApiComponents;
}

/** Title, version and other texts about the application. All texts may be Markdown. */
export interface AsyncApiInfo {
  readonly title: string;
  readonly version: string;
  readonly description?: string | undefined;
  /** An address. */
  readonly termsOfService?: string | undefined;
  readonly contact?:
    | {
        readonly name?: string | undefined;
        readonly url?: string | undefined;
        readonly email?: string | undefined;
      }
    | undefined;
  readonly license?: { readonly name: string; readonly url?: string | undefined } | undefined;
  readonly tags?: readonly AsyncApiTag[] | undefined;
  readonly externalDocs?: AsyncApiExternalDocs | undefined;
}

export interface AsyncApiTag {
  readonly name: string;
  readonly description?: string | undefined;
  readonly externalDocs?: AsyncApiExternalDocs | undefined;
}

export interface AsyncApiExternalDocs {
  /** An address. */
  readonly url: string;
  readonly description?: string | undefined;
}

/** A NATS system: the servers of one connection. It never contains credentials. */
export interface AsyncApiServer {
  /** Host and port, such as `nats.example.com:4222`. */
  readonly host: string;
  readonly protocol: string;
  readonly title?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly AsyncApiTag[];
  readonly externalDocs?: AsyncApiExternalDocs;
  readonly 'x-jetstream': ServerExtension;
}

/** The subjects on which messages are exchanged. */
export interface AsyncApiChannel {
  /** The subject with its parameters, such as `orders.{id}.placed`; `null` if it is only known at run time. */
  readonly address: string | null;
  readonly title?: string;
  readonly description?: string;
  readonly servers: readonly AsyncApiReference[];
  readonly parameters?: Readonly<Record<string, { readonly description: string }>>;
  /** The messages, by the same keys as in `components.messages`. */
  readonly messages: Readonly<Record<string, AsyncApiReference>>;
  readonly 'x-jetstream': ChannelExtension;
}

/** Receives or sends the messages of a channel. */
export interface AsyncApiOperation {
  readonly action: 'receive' | 'send';
  readonly channel: AsyncApiReference;
  readonly title?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly AsyncApiTag[];
  readonly messages: readonly AsyncApiReference[];
  readonly reply?: AsyncApiReply;
  readonly bindings?: { readonly nats: { readonly queue: string; readonly bindingVersion: string } };
  readonly 'x-jetstream': OperationExtension;
}

/** The answers of a request. */
export interface AsyncApiReply {
  /** The subject of the answers, as an expression on the request; the caller's inbox if it is omitted. */
  readonly address?: { readonly location: string; readonly description?: string };
  readonly channel: AsyncApiReference;
  readonly messages: readonly AsyncApiReference[];
}

export interface AsyncApiMessage {
  readonly name: string;
  readonly title?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly contentType: string;
  readonly headers?: JsonSchema;
  readonly payload: JsonSchema;
  readonly examples?: readonly { readonly payload: unknown }[];
  readonly tags?: readonly AsyncApiTag[];
  readonly 'x-jetstream'?: MessageExtension;
}

export interface AsyncApiComponents {
  readonly messages: Readonly<Record<string, AsyncApiMessage>>;
  /** Classes, and schemas that refer to themselves or to parts of themselves. */
  readonly schemas: Readonly<Record<string, JsonSchema>>;
}
