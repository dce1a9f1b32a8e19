export type { BootSummary, SummaryHandler, SummaryResource } from './boot-summary.js';
export { limitWarnings, summaryText } from './summary-text.js';
