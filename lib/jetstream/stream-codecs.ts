import type { Codec } from '../codecs/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { subjectCovers } from './api/index.js';

/** A stream with a codec of its own. */
interface CodedStream {
  readonly subjects: readonly string[];
  readonly codec: Codec;
}

/** Which codec the values of a stream have: one that was declared with it, else the module's. */
export class StreamCodecs {
  private readonly streams = new Map<string, CodedStream>();
  private last: { readonly subject: string; readonly codec: Codec } | undefined;

  constructor(
    /** For all streams without one of their own. */
    readonly fallback: Codec,
  ) {}

  /**
   * @param stream its name, and the subjects that it listens on
   * @throws {@link InvalidArgumentError} where the stream has another one
   */
  declare(
    { name, subjects = [] }: { name: string; subjects?: readonly string[] | undefined },
    codec: Codec,
  ): void {
    const { codec: other = codec } = this.streams.get(name) ?? {};
    if (other !== codec) {
      throw new InvalidArgumentError(
        `the codec of stream "${name}"`,
        `${codec.contentType} here, and ${other.contentType} where it is declared too: declare one`,
      );
    }
    this.streams.set(name, { subjects, codec });
    this.last = undefined;
  }

  ofStream(name: string): Codec {
    return this.streams.get(name)?.codec ?? this.fallback;
  }

  /** The codec of the stream that takes what is published to a subject, or to all that match a pattern. */
  ofSubject(subject: string): Codec {
    if (this.streams.size === 0) return this.fallback;
    // Most subjects are that of the message before.
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
