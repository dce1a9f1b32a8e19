export { type CommandHost, runCommand } from './run-command.js';
