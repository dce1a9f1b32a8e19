import { Logger } from '@nestjs/common';
import { errorText } from '../../reporting/index.js';
import type { Described, JsonSchema, SchemaDescriber } from '../schemas/index.js';
import type { AsyncApiMessage } from './asyncapi-document.interface.js';
import type { MessageDraft } from './drafts.js';
import type { MessageExtension } from './extensions.interface.js';
import { given, toJson } from './plain.js';

const logger = new Logger('AsyncApi');

/** Writes one message. A part that cannot be described is logged once, and accepts any value. */
export async function writeMessage(
  draft: MessageDraft,
  key: string,
  schemas: SchemaDescriber,
): Promise<AsyncApiMessage> {
  const { contract, contentType } = draft;
  const { schema, problems } = await describe(draft, key, schemas);
  const { examples, problem } = examplesOf(draft);
  const all = [...problems, ...(problem === undefined ? [] : [problem])];
  if (all.length > 0) {
    logger.warn(`The message "${key}" is not described completely: ${all.join('; ')}`);
  }
  return given<AsyncApiMessage>({
    name: key,
    title: undefined,
    summary: contract?.summary ?? draft.summary,
    description: contract?.description,
    contentType,
    headers: headersOf(draft),
    payload: schema,
    examples,
    tags: contract && contract.tags.length > 0 ? contract.tags.map((name) => ({ name })) : undefined,
    'x-jetstream':
      contract &&
      given<MessageExtension>({
        contract: contract.template,
        validate: contract.schema === undefined ? undefined : contract.validate,
      }),
  });
}

async function describe(
  { payload }: MessageDraft,
  key: string,
  schemas: SchemaDescriber,
): Promise<Described> {
  if ('fixed' in payload) return { schema: payload.fixed, problems: [] };
  if ('schema' in payload) return schemas.ofSchema(payload.schema, key);
  return (await schemas.ofType(payload.type)) ?? { schema: {}, problems: [] };
}

function examplesOf({ contract }: MessageDraft): {
  readonly examples: AsyncApiMessage['examples'] | undefined;
  readonly problem?: string;
} {
  if (contract === undefined || contract.examples.length === 0) return { examples: undefined };
  try {
    return { examples: contract.examples.map((each) => ({ payload: toJson(each) })) };
  } catch (error) {
    return { examples: undefined, problem: `its examples have no JSON form: ${errorText(error)}` };
  }
}

function headersOf({ contract, headers }: MessageDraft): JsonSchema | undefined {
  const described = Object.entries(contract?.headers ?? {});
  if (described.length === 0) return headers;
  const properties = described.map(([name, description]) => [name, { type: 'string', description }] as const);
  return { type: 'object', properties: Object.fromEntries(properties) };
}
