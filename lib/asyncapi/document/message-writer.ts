import { Logger } from '@nestjs/common';
import { errorText, shown } from '../../reporting/index.js';
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
  const { examples, problems: ofExamples } = examplesOf(draft);
  const all = [...problems, ...ofExamples];
  if (all.length > 0) {
    const subject = contract === undefined ? '' : ` on "${contract.template}"`;
    logger.warn(`The message "${key}"${subject} is not described completely: ${all.join('; ')}`);
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

/** The examples of a contract. Those that have no JSON form are left out. */
function examplesOf({ contract }: MessageDraft): {
  readonly examples: AsyncApiMessage['examples'] | undefined;
  readonly problems: readonly string[];
} {
  const examples: { readonly payload: unknown }[] = [];
  const problems: string[] = [];
  contract?.examples.forEach((each, i) => {
    try {
      const payload = toJson(each);
      if (payload !== undefined) examples.push({ payload });
      else problems.push(`examples[${i}] has no JSON form: it is ${shown(each)}`);
    } catch (error) {
      problems.push(`examples[${i}] has no JSON form: ${errorText(error)}`);
    }
  });
  return { examples: examples.length > 0 ? examples : undefined, problems };
}

function headersOf({ contract, headers }: MessageDraft): JsonSchema | undefined {
  const described = Object.entries(contract?.headers ?? {});
  if (described.length === 0) return headers;
  const properties = described.map(([name, description]) => [name, { type: 'string', description }] as const);
  return { type: 'object', properties: Object.fromEntries(properties) };
}
