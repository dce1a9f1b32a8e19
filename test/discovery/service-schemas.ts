import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

const text = { type: 'string' };
const name = { type: 'string', pattern: '^[a-zA-Z0-9_-]+$' };
const texts = { type: 'object', additionalProperties: text };
const whole = { type: 'integer', minimum: 0 };
const common = { name, id: { ...text, minLength: 1 }, version: text, metadata: texts };

/** An object with exactly these properties; those in `optional` may be missing. */
function exactly(properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((each) => !optional.includes(each));
  return { type: 'object', properties, required, additionalProperties: false };
}

function response(type: string, properties: Readonly<Record<string, object>>): object {
  return exactly({ type: { const: `io.nats.micro.v1.${type}_response` }, ...common, ...properties });
}

const endpoint = { name, subject: { ...text, minLength: 1 }, queue_group: text };
const stats = {
  ...endpoint,
  num_requests: whole,
  num_errors: whole,
  last_error: text,
  processing_time: whole,
  average_processing_time: whole,
  data: {},
};

const ajv = new Ajv({ allErrors: true });
addFormats.default(ajv);

/** The answers of ADR-32, as JSON schemas. */
export const answerSchemas: Readonly<Record<'ping' | 'info' | 'stats', ValidateFunction>> = {
  ping: ajv.compile(response('ping', {})),
  info: ajv.compile(
    response('info', {
      description: text,
      endpoints: { type: 'array', items: exactly({ ...endpoint, metadata: texts }) },
    }),
  ),
  stats: ajv.compile(
    response('stats', {
      started: { type: 'string', format: 'date-time' },
      endpoints: { type: 'array', items: exactly(stats, ['data']) },
    }),
  ),
};
