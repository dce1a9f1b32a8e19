import type { JsonSchemaObject } from '../schemas/index.js';

const text = { type: 'string' };

/** The stored description of an object (ADR-20). */
export const OBJECT_INFO: JsonSchemaObject = {
  type: 'object',
  properties: {
    name: text,
    description: text,
    bucket: text,
    nuid: { ...text, description: 'The id of this version, the last token of the subject of its chunks' },
    size: { type: 'integer', minimum: 0 },
    chunks: { type: 'integer', minimum: 0 },
    digest: { ...text, description: 'SHA-256= and base64url' },
    deleted: { type: 'boolean' },
    headers: { type: 'object', additionalProperties: { type: 'array', items: text } },
    metadata: { type: 'object', additionalProperties: text },
    options: {
      type: 'object',
      properties: {
        max_chunk_size: { type: 'integer', minimum: 1 },
        link: { type: 'object', properties: { bucket: text, name: text }, required: ['bucket'] },
      },
    },
  },
  required: ['name', 'bucket', 'nuid'],
};
