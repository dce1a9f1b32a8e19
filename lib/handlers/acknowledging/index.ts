export { Acknowledgement } from './acknowledgement.js';
export { Acknowledgements } from './acknowledgements.js';
