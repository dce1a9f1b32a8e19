export type {
  ConsumerDefinition,
  EventDefinition,
  KvWatchDefinition,
  ObjectWatchDefinition,
  RoutedMethod,
  SubscribeDefinition,
} from './handler-definition.js';
export { Findings, HandlerExplorer } from './handler-explorer.js';
