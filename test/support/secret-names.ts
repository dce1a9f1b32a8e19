/** The characters that subjects, keys and object names may contain besides letters and digits. */
const MARKS = ['-', '_', '=', '/', '--', '_-'];
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Random numbers below a bound, the same ones for the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed % 2_147_483_647 || 1;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

/** Generates names that must not appear in a text, and finds those that do. */
export class SecretNames {
  readonly all: string[] = [];
  private readonly random: (below: number) => number;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  /** A token of a subject, key or object name: of different lengths, with and without special characters. */
  token(): string {
    const part = (length: number): string =>
      Array.from({ length }, () => LETTERS[this.random(LETTERS.length)]).join('');
    const mark = this.random(2) === 0 ? '' : (MARKS[this.random(MARKS.length)] ?? '');
    const token = `x${part(9)}${mark}${part(1 + this.random(12))}`;
    this.all.push(token);
    return token;
  }

  /** One to four tokens. */
  tokens(): string {
    return Array.from({ length: 1 + this.random(4) }, () => this.token()).join('.');
  }

  /** The names that a text contains, also if they were changed to letters and digits only. */
  foundIn(text: string): string[] {
    return this.all.filter(
      (name) => text.includes(name) || text.includes(name.replaceAll(/[^a-z0-9]/gi, '')),
    );
  }
}
