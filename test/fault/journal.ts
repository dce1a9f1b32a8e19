import { closeSync, openSync, readSync } from 'node:fs';

/** The events of each message that the services of a test have appended to a file. */
export class Journal implements Disposable {
  /** How often the handling of each stream sequence began. */
  readonly begun = new Map<number, number>();
  /** How often it ended. */
  readonly ended = new Map<number, number>();
  private readonly file: number;
  private rest = '';

  constructor(path: string) {
    this.file = openSync(path, 'a+');
  }

  /** Reads the lines that were appended since. */
  read(): void {
    const chunk = Buffer.alloc(1 << 20);
    for (let size = readSync(this.file, chunk); size > 0; size = readSync(this.file, chunk)) {
      const lines = (this.rest + chunk.toString('latin1', 0, size)).split('\n');
      this.rest = lines.pop() ?? '';
      for (const line of lines) this.count(line);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.file);
  }

  private count(line: string): void {
    const [event, sequence] = line.split(' ');
    const counts = event === 'begins' ? this.begun : this.ended;
    counts.set(Number(sequence), (counts.get(Number(sequence)) ?? 0) + 1);
  }
}
