export { deadLetterActions, TARGET } from './actions.js';
export { deadLetterDownloads } from './downloads.js';
export { replayed } from './replayed.js';
export { rawOf, rowOf } from './rows.js';
export { filterOf, selectionRules } from './selection.js';
export { shownMessage } from './stored-message.js';
export { deadLetterCount } from './total.js';
export { deadLetterViews } from './views.js';
