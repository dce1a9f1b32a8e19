export {
  checkNestInternals,
  contextCreators,
  type ContextCreators,
  CUSTOM_PARAM,
  ENHANCERS,
  ENTRY_PROVIDER,
  injectorOf,
  onLazyModule,
  PARAMS,
  PAYLOAD_PARAM,
  PIPES,
  pipesConsumerPrototype,
} from './nest-internals.js';
export { type PatternMethod, patternMethods } from './patterns.js';
