import type { Codec } from '../codecs/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { subjectCovers } from './api/index.js';

/** A stream that the application declares. */
interface DeclaredStream {
  readonly subjects: readonly string[];
  /** Its own codec, if it has one. */
  readonly codec: Codec | undefined;
}

/** What is known about a subject. */
interface KnownSubject {
  readonly subject: string;
  readonly codec: Codec;
  /** The subject of a stream, with wildcards, that covers it. */
  readonly pattern: string | undefined;
}

/** The streams that an application declares: their codecs, and their subjects. */
export class DeclaredStreams {
  private readonly streams = new Map<string, DeclaredStream>();
  private last: KnownSubject | undefined;
  /** Without it, subjects do not have to be compared. */
  private hasCodecs = false;

  constructor(
    /** For all streams without their own codec. */
    readonly fallback: Codec,
  ) {}

  /**
   * @param stream its name, and the subjects that it listens on
   * @throws {@link InvalidArgumentError} if the stream has a different codec
   */
  declare(
    { name, subjects = [] }: { name: string; subjects?: readonly string[] | undefined },
    codec: Codec | undefined,
  ): void {
    const { codec: known, subjects: others = [] } = this.streams.get(name) ?? {};
    if (codec && known && known !== codec) {
      throw new InvalidArgumentError(
        `codec of stream "${name}"`,
        `it is declared as ${codec.contentType} and as ${known.contentType}; declare only one codec`,
      );
    }
    // Declarations with the policy `merge` may have different subjects.
    this.streams.set(name, { subjects: [...new Set([...subjects, ...others])], codec: codec ?? known });
    this.hasCodecs ||= codec !== undefined;
    this.last = undefined;
  }

  /** The names of all declared streams. */
  get names(): readonly string[] {
    return [...this.streams.keys()];
  }

  codecOfStream(name: string): Codec {
    return this.streams.get(name)?.codec ?? this.fallback;
  }

  /** The codec of the stream that stores messages of a subject, or of all subjects that match a pattern. */
  codecOfSubject(subject: string): Codec {
    return this.hasCodecs ? this.known(subject).codec : this.fallback;
  }

  /** The name of the declared stream that stores all messages of a filter; `undefined` if there is none. */
  streamOf(filter: string): string | undefined {
    for (const [name, { subjects }] of this.streams) {
      if (subjects.some((subject) => subjectCovers(subject, filter))) return name;
    }
    return undefined;
  }

  /** The subject of a declared stream, with wildcards, that covers a subject; `undefined` if there is none. */
  patternOf(subject: string): string | undefined {
    return this.known(subject).pattern;
  }

  private known(subject: string): KnownSubject {
    // Consecutive messages often have the same subject.
    if (this.last?.subject === subject) return this.last;
    let found: Pick<KnownSubject, 'codec' | 'pattern'> = { codec: this.fallback, pattern: undefined };
    for (const { subjects, codec = this.fallback } of this.streams.values()) {
      const pattern = subjects.find((each) => subjectCovers(each, subject));
      if (pattern !== undefined) {
        found = { codec, pattern };
        break;
      }
    }
    return (this.last = { subject, ...found });
  }
}
