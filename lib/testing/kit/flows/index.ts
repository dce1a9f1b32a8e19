export { KitFlows } from './kit-flows.js';
export { TestKitFlow } from './test-kit-flow.js';
