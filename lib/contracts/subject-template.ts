import { InvalidArgumentError, InvalidSubjectError } from '../errors/index.js';
import { errorText, nameText, shown } from '../reporting/index.js';

/** The name of the parameter for a last `>`. */
export const REST = 'rest';

/** The name of a parameter. */
const NAME = /^[A-Za-z]\w*$/;
/** Printable ASCII without `*`, `,`, `.` and `>`, which accepts almost every token after a single test. */
const PLAIN = /^[!-)+\-/-=?-~]+$/;
/** One token of a subject without wildcards. */
const TOKEN = /^[^\s.*>\p{Cc}\p{Cs}]+$/u;

/** Values of parameters. Callers without types may pass anything. */
type Values = Readonly<Record<string, unknown>>;

/** The names of the parameters in the subject of a contract, possibly of another version of this library. */
export function paramNames({ template }: { readonly template: string }): readonly string[] {
  return template.split('.').flatMap((token) => {
    if (token === '>') return [REST];
    return token.startsWith(':') ? [token.slice(1)] : [];
  });
}

/** A subject with named tokens, such as `orders.:id.placed`. */
export class SubjectTemplate {
  /** The subject with wildcards in place of its parameters, such as `orders.*.placed`. */
  readonly filter: string;
  /** The names of the parameters, in their order. */
  readonly names: readonly string[];
  /** The name of the parameter of each token; `undefined` for fixed tokens. */
  private readonly params: readonly (string | undefined)[];
  private readonly tokens: readonly string[];
  /** The fixed texts before, between and after the parameters. */
  private readonly texts: readonly string[];

  /** @throws {@link InvalidSubjectError} */
  constructor(readonly template: string) {
    if (typeof (template as unknown) !== 'string' || template === '') {
      throw new InvalidSubjectError(nameText(template), 'it must be text, such as "orders.:id.placed"');
    }
    this.tokens = template.split('.');
    this.params = this.tokens.map((token, i) => this.paramOf(token, i));
    this.names = this.params.filter((name) => name !== undefined);
    const twice = this.names.find((name, i) => this.names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new InvalidSubjectError(
        template,
        `it has two parameters named "${twice}"; name each differently`,
      );
    }
    this.filter = this.tokens.map((token) => (token.startsWith(':') ? '*' : token)).join('.');
    this.texts = textsAround(this.tokens, this.params);
  }

  /** The default name of a message with this subject. */
  get name(): string {
    return this.tokens.map((token, i) => this.params[i] ?? token).join('.');
  }

  /**
   * The subject with these values.
   *
   * @throws {@link InvalidArgumentError} if a value is missing, or is not one token of a subject
   */
  fill(params: unknown): string {
    if (typeof params !== 'object' || params === null) {
      throw new InvalidArgumentError(
        'params',
        `${shown(params)} is not an object with the parameters of "${this.template}"`,
      );
    }
    const { names, texts } = this;
    let subject = texts[0];
    for (let i = 0; i < names.length; i++) subject += this.valueOf(params as Values, names[i]) + texts[i + 1];
    return subject;
  }

  /** The values in a subject; `undefined` if it does not match. */
  parse(subject: string): Record<string, string> | undefined {
    const given = subject.split('.');
    const { tokens, params } = this;
    const values: Record<string, string> = {};
    for (let i = 0; i < tokens.length; i++) {
      const name = params[i];
      const token = given[i];
      if (token === undefined) return undefined;
      if (name === undefined) {
        if (token !== tokens[i]) return undefined;
      } else if (tokens[i] === '>') {
        values[name] = given.slice(i).join('.');
        return values;
      } else {
        values[name] = token;
      }
    }
    return given.length === tokens.length ? values : undefined;
  }

  private paramOf(token: string, place: number): string | undefined {
    const refuse = (problem: string): never => {
      throw new InvalidSubjectError(this.template, problem);
    };
    if (token === '>') {
      if (place === this.tokens.length - 1) return REST;
      return refuse('">" is only allowed as the last token');
    }
    if (token === '*') return refuse('a token that varies needs a name, such as ":id" in place of "*"');
    if (token.startsWith(':')) {
      const name = token.slice(1);
      if (NAME.test(name)) return name;
      return refuse(`":${name}" is not a parameter: its name must be letters and digits, such as ":id"`);
    }
    if (token === '') return refuse('it must not have empty tokens');
    return TOKEN.test(token)
      ? undefined
      : refuse('it must not contain spaces, "*" and ">" inside of a token');
  }

  private valueOf(params: Values, name: string): string {
    let value: unknown;
    try {
      value = params[name];
    } catch (cause) {
      throw new InvalidArgumentError(`params.${name}`, `it cannot be read: ${errorText(cause)}`, { cause });
    }
    if (typeof value === 'string' && (PLAIN.test(value) || this.isValid(value, name))) return value;
    const wanted =
      name === REST && this.filter.endsWith('>')
        ? 'one or more tokens, separated by "."'
        : 'one token: text without ".", "*", ">" and spaces';
    throw new InvalidArgumentError(
      `params.${name}`,
      `${shown(value)} is not ${wanted}. It is part of the subject "${this.template}"`,
    );
  }

  private isValid(value: string, name: string): boolean {
    if (name !== REST || !this.filter.endsWith('>')) return TOKEN.test(value);
    return value.split('.').every((token) => TOKEN.test(token));
  }
}

function textsAround(tokens: readonly string[], params: readonly (string | undefined)[]): readonly string[] {
  const texts = [''];
  tokens.forEach((token, i) => {
    const separator = i === 0 ? '' : '.';
    const last = texts.length - 1;
    if (params[i] === undefined) {
      texts[last] += separator + token;
    } else {
      texts[last] += separator;
      texts.push('');
    }
  });
  return texts;
}
