export { type AsyncApiChange, compareAsyncApiDocuments } from './changes/index.js';
export {
  type AsyncApiChannel,
  type AsyncApiComponents,
  type AsyncApiDocument,
  type AsyncApiExternalDocs,
  type AsyncApiInfo,
  type AsyncApiMessage,
  type AsyncApiOperation,
  type AsyncApiOptions,
  type AsyncApiReference,
  type AsyncApiReply,
  type AsyncApiServer,
  type AsyncApiServerOptions,
  type AsyncApiTag,
  type ChannelExtension,
  createAsyncApiDocument,
  type DeclaredConfig,
  type MessageExtension,
  type OperationExtension,
  type ServerExtension,
} from './document/index.js';
export {
  type AsyncApiPageAsyncOptions,
  type AsyncApiPageExtras,
  type AsyncApiPageOptions,
  JetStreamAsyncApiModule,
} from './page/index.js';
export type { JsonSchema, JsonSchemaObject } from './schemas/index.js';
export type {
  AsyncApiAccess,
  AsyncApiAccessContext,
  AsyncApiAccessRule,
  AsyncApiAction,
  AsyncApiTryItOptions,
} from './try-it/index.js';
