export { storeDownloads } from './store-downloads.js';
export { storeViews } from './store-views.js';
