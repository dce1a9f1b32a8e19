/**
 * Keeps V8 from collecting the whole heap again and again while chunks pass through.
 *
 * The memory of buffers that are dead but not freed counts towards the next collection of the whole heap. They are freed
 * by collections of the young generation, which come when that is full of objects; and a transfer makes many megabytes
 * of buffers and few objects. So collections of the whole heap come first: every 15 MiB or so, in four threads, for more
 * CPU time than the transfer itself takes. Filling the young generation costs next to nothing, and doubles the speed of
 * a transfer (`npm run bench -- object-get`).
 */
export class YoungGeneration {
  /** Kept only for the engine not to leave the allocation out. */
  filling: unknown;
  private bytes = 0;

  /** Called for each chunk. */
  passed(bytes: number): void {
    for (this.bytes += bytes; this.bytes >= PORTION; this.bytes -= PORTION) {
      this.filling = Array<undefined>(PORTION / ELEMENT_SIZE);
    }
  }
}

/**
 * As much is filled as passed: the young generation has 16 MiB in Node 20 and 32 MiB from Node 24 on, where collections of the
 * whole heap come from 32 MiB of buffers on. Arrays of 128 KiB and more would not be in it.
 */
const PORTION = 32_768;
const ELEMENT_SIZE = 8;
