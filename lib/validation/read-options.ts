import { InvalidArgumentError } from '../errors/index.js';
import { printable } from '../reporting/index.js';
import {
  type KnownOption,
  type KnownOptions,
  ListOf,
  MapOf,
  type OptionRule,
  unknownOption,
} from './known-options.js';
import { mismatch, type OptionProblem, unreadable } from './option-problem.js';
import { isObject, itemsOf } from './option-rules.js';

/** The result of reading options: the options, and the problems found. */
export interface OptionsRead<Options> {
  /**
   * A plain copy of the options that have a valid value; nested option objects are copied too. Complete if there are no
   * problems.
   */
  readonly options: Options;
  readonly problems: readonly OptionProblem[];
}

/**
 * Reads each option once, and checks its name and value. Options may be inherited, for example from a class with
 * accessors; unknown names are searched only among own properties. An option that is `undefined` is treated as not set.
 * Never throws, even if accessors and proxies do.
 *
 * @param whole the name of the options, if they are not an object
 */
export function readOptions<Options extends object>(
  given: unknown,
  known: KnownOptions,
  whole = 'the options',
): OptionsRead<Options> {
  const problems: OptionProblem[] = [];
  const options = readObject(given, known, '', whole, problems);
  return { options: options as Options, problems };
}

/**
 * Reads options as {@link readOptions} does, and rejects invalid ones.
 *
 * @param whose the owner of the options, such as `JetStreamModule.forRoot`
 * @throws {@link InvalidArgumentError}
 */
export function checkedOptions<Options extends object>(
  whose: string,
  given: unknown,
  known: KnownOptions,
): Options {
  const { options, problems } = readOptions<Options>(given, known, WHOLE);
  refuseProblems(whose, problems);
  return options;
}

/**
 * Like {@link checkedOptions}, but keeps unknown own options: they are rejected later, or belong to another reader.
 *
 * @throws {@link InvalidArgumentError}
 */
export function openOptions<Options extends object>(
  whose: string,
  given: Options,
  known: KnownOptions,
): Options {
  const { options, problems } = readOptions<Options>(given, known, WHOLE);
  refuseProblems(
    whose,
    problems.filter(({ isUnknown }) => !isUnknown),
  );
  return { ...ownOptions(given, known), ...options };
}

/** The own options, and inherited ones with known names, neither checked nor copied. */
export function ownOptions(given: object, known: KnownOptions): Record<string, unknown> {
  const from = given as Readonly<Record<string, unknown>>;
  const names = new Set([...Object.keys(known), ...Object.keys(given)]);
  return Object.fromEntries(
    [...names].map((name) => [name, from[name]] as const).filter(([, value]) => value !== undefined),
  );
}

/** Rejects an argument that a rule does not accept. @throws {@link InvalidArgumentError} */
export function requireValue(argument: string, value: unknown, rule: OptionRule): void {
  const [problem] = rule(value, argument);
  if (problem) throw new InvalidArgumentError(argument, problem.reason);
}

/** The options as a whole, for {@link refuseProblems}. */
const WHOLE = '';

/** Like {@link refuseProblems}, for options whose values are checked elsewhere. @throws {@link InvalidArgumentError} */
export function refuseUnknown(whose: string, problems: readonly OptionProblem[]): void {
  refuseProblems(
    whose,
    problems.filter(({ isUnknown }) => isUnknown),
  );
}

/** @throws {@link InvalidArgumentError} if there is a problem; it names the option if there is only one */
export function refuseProblems(whose: string, problems: readonly OptionProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const whole = `options of ${whose}`;
  if (problems.length > 1 || first.option === WHOLE) {
    const reasons = problems.map(({ option, sentence, reason }) => (option === WHOLE ? reason : sentence));
    throw new InvalidArgumentError(whole, reasons.join('; '));
  }
  // The sentence already names an unknown option.
  if (first.isUnknown) throw new InvalidArgumentError(whole, first.sentence);
  throw new InvalidArgumentError(first.option, `${first.reason} (${whole})`);
}

function readObject(
  given: unknown,
  known: KnownOptions,
  path: string,
  whole: string,
  problems: OptionProblem[],
): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  const names = namesOf(given);
  if (names === undefined) {
    problems.push(mismatch(path === '' ? whole : path, 'an object', given));
    return copy;
  }
  for (const name of new Set([...Object.keys(known), ...names])) {
    const option = path === '' ? printable(name) : `${path}.${printable(name)}`;
    let value: unknown;
    try {
      value = (given as Readonly<Record<string, unknown>>)[name];
    } catch (error) {
      problems.push(unreadable(option, error));
      continue;
    }
    const of = Object.hasOwn(known, name) ? known[name] : undefined;
    if (value === undefined) {
      if (typeof of === 'function' && of.required) problems.push(...of(undefined, option));
    } else if (of === undefined) {
      const sentence = unknownOption(option, name, Object.keys(known));
      problems.push({ option, sentence, reason: sentence, isUnknown: true });
    } else {
      const before = problems.length;
      const read = readValue(value, of, option, problems);
      if (problems.length === before || isTable(of)) copy[name] = read;
    }
  }
  return copy;
}

function readValue(value: unknown, of: KnownOption, option: string, problems: OptionProblem[]): unknown {
  if (of === true) return value;
  if (typeof of === 'function') {
    problems.push(...of(value, option));
    return value;
  }
  if (isTable(of)) return readObject(value, of, option, option, problems);
  if (of instanceof MapOf) return readMap(value, of, option, problems);
  const items = itemsOf(value);
  if (items === undefined) {
    problems.push(mismatch(option, of.wanted, value));
    return value;
  }
  const { items: each } = of;
  return items.map((item, i) => readValue(item, each, `${option}[${i}]`, problems));
}

function readMap(value: unknown, { values }: MapOf, option: string, problems: OptionProblem[]): unknown {
  if (!isObject(value) || namesOf(value) === undefined) {
    problems.push(mismatch(option, 'an object', value));
    return value;
  }
  const entries = ownNames(value).map((name): [string, unknown] => {
    const place = `${option}.${printable(name)}`;
    try {
      return [name, readObject(value[name], values, place, place, problems)];
    } catch (error) {
      problems.push(unreadable(place, error));
      return [name, undefined];
    }
  });
  return Object.fromEntries(entries);
}

/** Whether it describes the options of a nested object. */
export function isTable(of: KnownOption): of is KnownOptions {
  return typeof of === 'object' && !(of instanceof ListOf) && !(of instanceof MapOf);
}

/** The names of an object's own options; none if they cannot be read. */
export function ownNames(given: unknown): readonly string[] {
  return namesOf(given) ?? [];
}

/** The names of an object's own options; `undefined` if the value is not an object, or cannot be read. */
function namesOf(given: unknown): readonly string[] | undefined {
  try {
    return isObject(given) ? Object.keys(given) : undefined;
  } catch {
    return undefined;
  }
}
