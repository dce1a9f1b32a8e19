import type { OptionRule } from '../../validation/index.js';

/** Collects problems with options, each as a sentence. */
export class OptionChecks {
  readonly problems: string[] = [];

  /** Checks a value that is not a member of the options, such as the argument of a decorator. */
  check(rule: OptionRule, option: string, value: unknown): void {
    this.problems.push(...rule(value, option).map(({ sentence }) => sentence));
  }

  /** Reports options that another option excludes. */
  absent(because: string, options: object, excluded: readonly string[]): void {
    const given = excluded.filter((option) => (options as Record<string, unknown>)[option] !== undefined);
    if (given.length > 0)
      this.problems.push(
        `${because} cannot be combined with ${given.join(', ')}: leave out one or the other`,
      );
  }
}
