export { type AccessAnswer, AccessCheck, type AccessDecision } from './access-check.js';
export type { Asset } from './asset.js';
export { CallerSignal } from './caller-signal.js';
export { CommandLogger } from './command-logger.js';
export { escapedHtml, htmlPage } from './html.js';
export { ownProperty, PageRequest } from './page-request.js';
export {
  CONTENT_SECURITY_POLICY,
  hashOf,
  nodeResponse,
  type PageContent,
  PageResponses,
} from './page-response.js';
export { PageBoot } from './page-boot.js';
export { guardList, plainPath } from './page-rules.js';
export type { ServedPage } from './protection.js';
export { isSameOrigin, PAGE_HEADER, type Refusal, refuseForeign } from './same-origin.js';
