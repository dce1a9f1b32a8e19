export {
  type MaskedMessage,
  type MaskResult,
  PAYLOAD_OPTIONS,
  type PayloadOptions,
} from './payload-options.js';
export { headersOf, Payloads, type RawMessage, type ShownParts } from './payloads.js';
