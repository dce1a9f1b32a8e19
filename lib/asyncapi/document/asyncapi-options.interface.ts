import type { JetStreamServer } from '../../microservice/index.js';
import type { AsyncApiExternalDocs, AsyncApiInfo, AsyncApiTag } from './asyncapi-document.interface.js';

/** Options of {@link createAsyncApiDocument}. */
export interface AsyncApiOptions {
  /** Texts about the application; `title` and `version` are required. */
  readonly info: AsyncApiInfo;
  /** The identifier of the application, a URI such as `urn:com:example:shop`. */
  readonly id?: string | undefined;
  /**
   * Texts and addresses of the servers of a connection, by its name. Default: the addresses in the options of the
   * connection, without credentials. Set the `host` if it depends on the environment in which the document is created.
   */
  readonly servers?: Readonly<Record<string, AsyncApiServerOptions>> | undefined;
  /**
   * The servers of the application's `@EventPattern` and `@MessagePattern` handlers, if they are not part of it yet:
   * those given to `createMicroservice` and `connectMicroservice` are found. They do not have to listen.
   */
  readonly microservices?: readonly JetStreamServer[] | undefined;
}

/** Texts and address of the servers of a connection, in the document. */
export interface AsyncApiServerOptions {
  /** Host and port, such as `nats.example.com:4222`, without credentials. */
  readonly host?: string | undefined;
  /** Default `nats`. */
  readonly protocol?: string | undefined;
  readonly title?: string | undefined;
  readonly summary?: string | undefined;
  /** Markdown. */
  readonly description?: string | undefined;
  readonly tags?: readonly AsyncApiTag[] | undefined;
  readonly externalDocs?: AsyncApiExternalDocs | undefined;
}
