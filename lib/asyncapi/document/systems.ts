import type { Codec } from '../../codecs/index.js';
import { jsonCodec } from '../../codecs/index.js';
import { isConnection, type ConnectionSource } from '../../connection/index.js';
import type { HandlerConnection } from '../../handlers/index.js';
import { type StreamDeclaration, subjectCovers } from '../../jetstream/index.js';
import type { JetStreamServer } from '../../microservice/index.js';
import type { Declaration } from '../../module/index.js';
import { serverAddresses } from './server-addresses.js';
import type { DeclaredConfig } from './extensions.interface.js';
import { toJson } from './plain.js';

type Declared = Record<string, DeclaredConfig>;

/** One connection of the application: a server of the document. */
export class System {
  readonly streams: Declared = {};
  readonly keyValues: Declared = {};
  readonly objectStores: Declared = {};
  private readonly subjects = new Map<string, readonly string[]>();

  constructor(
    readonly name: string,
    readonly hosts: readonly string[],
    readonly domain: string | undefined,
    private readonly codecOf: (filter: string) => Pick<Codec, 'contentType'>,
    private readonly declaredStreamOf: (filter: string) => string | undefined = () => undefined,
  ) {}

  /** The connection of a `JetStreamModule`. */
  static ofModule(
    { name, jetstream: { declarations } }: HandlerConnection,
    source: ConnectionSource = {},
    domain: string | undefined,
  ): System {
    return new System(
      name,
      hostsOf(source),
      domain,
      (filter) => declarations.codecOfSubject(filter),
      (filter) => declarations.streamOf(filter),
    );
  }

  /** The own connection of a microservice. */
  static ofServer({ definition }: JetStreamServer): System {
    const { name, connection = {}, codec = jsonCodec, jetstream } = definition;
    return new System(name, hostsOf(connection as ConnectionSource), jetstream?.domain, () => codec);
  }

  /** A system about which nothing is known. */
  static unknown(): System {
    return new System('default', hostsOf({}), undefined, () => jsonCodec);
  }

  contentTypeOf(filter: string): string {
    return this.codecOf(filter).contentType;
  }

  /** The declared stream that stores all messages of a filter. */
  streamOf(filter: string): string | undefined {
    for (const [name, subjects] of this.subjects) {
      if (subjects.some((subject) => subjectCovers(subject, filter))) return name;
    }
    return this.declaredStreamOf(filter);
  }

  /** The subjects of a declared stream. */
  subjectsOf(stream: string): readonly string[] | undefined {
    return this.subjects.get(stream);
  }

  /** Several declarations of one stream differ at most in their subjects, which are then merged. */
  declareStream(declaration: StreamDeclaration): void {
    const { name, mirror } = declaration;
    if (mirror !== undefined) {
      this.streams[name] = configOf(declaration);
      return;
    }
    const { subjects = [name] } = declaration;
    const all = [...new Set([...(this.subjects.get(name) ?? []), ...subjects])];
    this.subjects.set(name, all);
    const shown = declaration.subjects === undefined ? declaration : { ...declaration, subjects: all };
    this.streams[name] = configOf(shown);
  }

  declare({ kind, name, options }: Declaration): void {
    if (options === undefined) return;
    if (kind === 'stream') this.declareStream(options as StreamDeclaration);
    else if (kind === 'key-value') this.keyValues[name] = configOf(options);
    else this.objectStores[name] = configOf(options);
  }
}

function hostsOf(source: ConnectionSource): readonly string[] {
  if (isConnection(source)) return serverAddresses(source.getServer(), undefined);
  const { servers, port } = source;
  return serverAddresses(servers, port);
}

/** The options of a declared resource, without those that only concern this process. */
function configOf(declaration: object): DeclaredConfig {
  const {
    codec: _,
    recreate: __,
    raw: ___,
    subjectPolicy: ____,
    provisioning: _____,
    ...config
  } = declaration as Readonly<Record<string, unknown>>;
  return toJson(config) as DeclaredConfig;
}
