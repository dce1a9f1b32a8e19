export type {
  AsyncApiChannel,
  AsyncApiComponents,
  AsyncApiDocument,
  AsyncApiExternalDocs,
  AsyncApiInfo,
  AsyncApiMessage,
  AsyncApiOperation,
  AsyncApiReference,
  AsyncApiReply,
  AsyncApiServer,
  AsyncApiTag,
} from './asyncapi-document.interface.js';
export type { AsyncApiOptions, AsyncApiServerOptions } from './asyncapi-options.interface.js';
export { payloadOf } from './declared-payload.js';
export { createAsyncApiDocument } from './create-asyncapi-document.js';
export { type DocumentFormat, documentText } from './document-text.js';
export type {
  ChannelExtension,
  DeclaredConfig,
  MessageExtension,
  OperationExtension,
  ServerExtension,
} from './extensions.interface.js';
export { ASYNC_API_OPTIONS, checkOptions } from './known-options.js';
