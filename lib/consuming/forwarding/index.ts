export { checkTargets } from './check-targets.js';
export { warnOfShortWindows } from './duplicate-windows.js';
export { publishResults } from './publish-results.js';
export type {
  ParamsMapper,
  PublishSubject,
  PublishToMetadata,
  PublishToOptions,
} from './publish-to-options.interface.js';
export { ResultTarget } from './result-target.js';
export { templateFilter } from './subject-template.js';
