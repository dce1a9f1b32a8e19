export { connectionKind } from './connection-kinds.js';
export { ReportedPaths } from './reported-paths.js';
export { readReport, type ServerReport, type Step } from './server-report.js';
export { OLDEST_REPORTING_SERVER, TRACE_DESTINATION, TRACE_ONLY } from './trace-headers.js';
