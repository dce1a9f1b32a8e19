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
  pipesConsumerPrototype,
} from './nest-internals.js';
