export { checkFeatureOptions, readForRoot, readForRootAsync } from './check-options.js';
export { FeatureDeclaration } from './declarations.js';
export * from './feature-providers.js';
export * from './jetstream-module-options.interface.js';
export * from './module-definition.js';
export * from './tokens.js';
