export type { BoardAccess, BoardAccessContext, BoardAccessRule, BoardAction } from './access.js';
export { boardController } from './board-controller.js';
export { BoardHandlers } from './board-handlers.js';
export { BoardServer } from './board-server.js';
