/**
 * Prevents V8 from collecting the whole heap repeatedly while chunks pass through.
 *
 * The memory of unreachable buffers counts towards the next collection of the whole heap until they are freed.
 * Collections of the young generation free them, but these run only when it is full of objects, and a transfer creates
 * many megabytes of buffers and few objects. So collections of the whole heap run first: about every 15 MiB, in four
 * threads, for more CPU time than the transfer itself takes. Filling the young generation costs almost nothing, and
 * doubles the speed of a transfer (`npm run bench -- object-get`).
 */
export class YoungGeneration {
  /** Keeps the engine from optimizing the allocation away. */
  filling: unknown;
  private bytes = 0;

  /** Called for each buffer that was allocated for the transfer, and not for views of the user's memory. */
  passed(bytes: number): void {
    for (this.bytes += bytes; this.bytes >= PORTION; this.bytes -= PORTION) {
      this.filling = Array<undefined>(PORTION / ELEMENT_SIZE);
    }
  }
}

/**
 * As much is filled as has passed: the young generation has 16 MiB in Node 20 and 32 MiB from Node 24 on, where
 * collections of the whole heap run after 32 MiB of buffers. Arrays of 128 KiB and more would not be allocated in it.
 */
const PORTION = 32_768;
const ELEMENT_SIZE = 8;
