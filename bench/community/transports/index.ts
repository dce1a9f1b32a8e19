import type { Transport } from '../transport.js';
import { horizonRepublic2 } from './horizon-republic-2.js';
import horizonRepublic from './horizon-republic.js';
import nestNats from './nest-nats.js';
import ours from './nestjs-nats-jetstream.js';
import nestjsPlugins from './nestjs-plugins.js';

/** All transports. The others are compared with the first one. */
export const transports: readonly Transport[] = [
  ours,
  ...[await horizonRepublic2()].filter((transport) => transport !== undefined),
  horizonRepublic,
  nestjsPlugins,
  nestNats,
];
