import { Logger } from '@nestjs/common';
import { errorText, printable } from '../../reporting/index.js';
import { Timer } from '../../timing/index.js';

/** The period of losses in one log line, in milliseconds. */
const INTERVAL = 1_000;
/** The maximum number of kinds of losses in one log line. */
const MOST_KINDS = 5;

/** Losses with the same subject and class of error. */
interface Kind {
  count: number;
  readonly text: string;
}

/** Logs failed messages whose failure no caller receives: at most one line per second, regardless of their number. */
export class LossReport {
  private readonly logger: Logger;
  private readonly kinds = new Map<string, Kind>();
  private count = 0;
  /** The number of lines written. */
  private lines = 0;
  private timer: Timer | undefined;

  constructor(
    context: string,
    /** The text after the number of failures, such as `events failed, and no subscriber received the error`. */
    private readonly what: string,
  ) {
    this.logger = new Logger(context);
  }

  /**
   * @param given the subject, of any type that the caller passed
   * @returns a function that removes the failure, unless it is already written, because a caller receives it after all
   */
  add(error: Error, given: unknown): () => void {
    const subject = typeof given === 'string' ? given : `a subject that is ${typeof given}`;
    this.count++;
    const line = this.lines;
    const key = kindOf(error, subject);
    const kind = this.kinds.get(key);
    if (kind) kind.count++;
    // A line names only a few kinds; the others are counted.
    else if (this.kinds.size < MOST_KINDS) this.kinds.set(key, { count: 1, text: describe(error, subject) });
    this.timer ??= new Timer(INTERVAL, () => this.flush());
    return () => {
      if (line === this.lines) this.withdraw(key);
    };
  }

  /** Writes the line now, if there are losses. */
  flush(): void {
    const { count } = this;
    const kinds = [...this.kinds.values()];
    this.timer?.cancel();
    this.timer = undefined;
    this.count = 0;
    this.lines++;
    this.kinds.clear();
    if (count === 0) return;
    const named = kinds.reduce((sum, kind) => sum + kind.count, 0);
    const parts = kinds.map((kind) => `${kind.count} to ${kind.text}`);
    if (named < count) parts.push(`${count - named} more`);
    this.logger.error(`${count} ${this.what}: ${parts.join('; ')}`);
  }

  private withdraw(key: string): void {
    this.count--;
    const kind = this.kinds.get(key);
    if (kind && --kind.count === 0) this.kinds.delete(key);
  }
}

function kindOf(error: Error, subject: string): string {
  return `${subject}\n${nameOf(error)}`;
}

function describe(error: Error, subject: string): string {
  return `"${printable(subject.slice(0, 200))}": ${errorText(error)}`;
}

function nameOf(error: Error): string {
  try {
    return String(error.name);
  } catch {
    return '';
  }
}
