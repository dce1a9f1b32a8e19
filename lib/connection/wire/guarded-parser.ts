import type { ChunkParser } from './link-transport.js';

/**
 * Ends the link if its bytes cannot be parsed, because the following bytes cannot be interpreted. Errors of
 * subscription callbacks do not reach this class, see `Fence`.
 */
export class GuardedParser implements ChunkParser {
  private failed = false;

  constructor(
    private readonly parser: ChunkParser,
    /** Ends the link; it must not throw. */
    private readonly end: (thrown: unknown) => void,
  ) {}

  parse(chunk: Uint8Array): void {
    if (this.failed) return;
    try {
      this.parser.parse(chunk);
    } catch (thrown) {
      this.failed = true;
      this.end(thrown);
    }
  }
}
