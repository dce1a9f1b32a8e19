import { codecRule } from '../../codecs/index.js';
import { flag, oneOf, type AllOptionsOf } from '../../validation/index.js';
import { STREAM_OPTIONS } from '../streams/index.js';
import type { StreamDeclaration } from './provision-stream.js';

/** Validates the option `provisioning`. */
export const provisioningRule = oneOf(['ensure', 'assert', 'off']);

/** The options of {@link StreamDeclaration}. */
export const STREAM_DECLARATION_OPTIONS = {
  ...STREAM_OPTIONS,
  codec: codecRule,
  recreate: flag,
  subjectPolicy: oneOf(['exact', 'merge']),
  provisioning: provisioningRule,
} satisfies AllOptionsOf<StreamDeclaration>;
