export type { Asset } from './asset.js';
export { ownProperty, PageRequest } from './page-request.js';
export { PageBoot } from './page-boot.js';
export { CONTENT_SECURITY_POLICY, hashOf, type PageContent, PageResponses } from './page-response.js';
export { plainPath } from './plain-path.js';
export type { ServedPage } from './protection.js';
export { PAGE_HEADER, type Refusal, refuseForeign } from './same-origin.js';
