export { type BoardCommandHost, runBoard } from './run-board.js';
