export { errorClass, errorStack, errorText, printable, toError } from './error-text.js';
export { installedFolder, installedVersion } from './installed-version.js';
export { isInstance, propertyOf } from './instance-of.js';
export { LIBRARY_VERSION } from './library-version.js';
export { heldBackText, ReportLimiter } from './report-limiter.js';
export { counted, hidden, nameText, shown } from './shown.js';
