import type { Codec } from '../codecs/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { subjectCovers } from './api/index.js';

/** A stream with its own codec. */
interface CodedStream {
  readonly subjects: readonly string[];
  readonly codec: Codec;
}

/** Selects the codec for the values of a stream: the one declared with it, otherwise the module's. */
export class StreamCodecs {
  private readonly streams = new Map<string, CodedStream>();
  private last: { readonly subject: string; readonly codec: Codec } | undefined;

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
    codec: Codec,
  ): void {
    const { codec: other = codec } = this.streams.get(name) ?? {};
    if (other !== codec) {
      throw new InvalidArgumentError(
        `codec of stream "${name}"`,
        `it is declared as ${codec.contentType} and as ${other.contentType}; declare only one codec`,
      );
    }
    this.streams.set(name, { subjects, codec });
    this.last = undefined;
  }

  ofStream(name: string): Codec {
    return this.streams.get(name)?.codec ?? this.fallback;
  }

  /** The codec of the stream that stores messages of a subject, or of all subjects that match a pattern. */
  ofSubject(subject: string): Codec {
    if (this.streams.size === 0) return this.fallback;
    // Consecutive messages often have the same subject.
    if (this.last?.subject !== subject) this.last = { subject, codec: this.find(subject) };
    return this.last.codec;
  }

  private find(subject: string): Codec {
    for (const { subjects, codec } of this.streams.values()) {
      if (subjects.some((pattern) => subjectCovers(pattern, subject))) return codec;
    }
    return this.fallback;
  }
}
