export { JetStreamAsyncApiModule } from './asyncapi.module.js';
export type { AsyncApiPageAsyncOptions, AsyncApiPageExtras, AsyncApiPageOptions } from './page-options.js';
