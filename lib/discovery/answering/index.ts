export { ServiceDiscovery } from './service-discovery.js';
