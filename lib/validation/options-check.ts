import { InvalidArgumentError } from '../errors/index.js';
import { errorText, shown } from '../reporting/index.js';
import { checkSignal } from '../user-code/index.js';
import {
  type AllOptionsOf,
  type KnownOption,
  type KnownOptions,
  ListOf,
  type OptionRule,
} from './known-options.js';
import { isTable, readOptions, refuseUnknown, requireValue } from './read-options.js';

/**
 * Creates the check of one kind of options: they must be an object without unknown names, and `signal` must be an
 * `AbortSignal`. An option whose entry in the table is a rule must have a valid value. It is cheap enough for every
 * message if the table has no rules.
 *
 * @param whose the owner of the options, such as `publish`
 * @param argument the name of the argument
 */
export function optionsCheck<Options extends object>(
  whose: string,
  known: AllOptionsOf<Options>,
  argument = 'options',
): (options: Options) => Options {
  const table = known as KnownOptions;
  const names = nameTable(table);
  const rules = Object.entries(table).filter(isRule);
  return (options) => {
    const given: unknown = options;
    if (typeof given !== 'object' || given === null) {
      throw new InvalidArgumentError(argument, `${shown(given)} is not an object`);
    }
    try {
      if (!hasOnly(options, names)) refuseUnknown(whose, readOptions(options, table).problems);
      checkSignal((options as { readonly signal?: unknown }).signal);
      for (const [name, accepts] of rules) checkValue(options, name, accepts);
    } catch (cause) {
      if (cause instanceof InvalidArgumentError) throw cause;
      throw new InvalidArgumentError(`options of ${whose}`, `they cannot be read: ${errorText(cause)}`, {
        cause,
      });
    }
    return options;
  };
}

function isRule(entry: [string, KnownOption]): entry is [string, OptionRule] {
  return typeof entry[1] === 'function';
}

function checkValue(options: object, name: string, accepts: OptionRule): void {
  const value = (options as Readonly<Record<string, unknown>>)[name];
  if (value !== undefined) requireValue(name, value, accepts);
}

/** The names of options, without those that every object has. */
interface NameTable {
  readonly [name: string]: true | NameTable | undefined;
}

function nameTable(known: KnownOptions): NameTable {
  const names = Object.create(null) as Record<string, true | NameTable>;
  for (const [name, option] of Object.entries(known)) {
    const nested = option instanceof ListOf ? option.items : option;
    names[name] = isTable(nested) ? nameTable(nested) : true;
  }
  return names;
}

/** Whether all names are known. A slower function describes unknown ones. */
function hasOnly(options: object, names: NameTable): boolean {
  for (const name in options) {
    const nested = names[name];
    if (nested === undefined) return false;
    if (nested === true) continue;
    const value: unknown = (options as Readonly<Record<string, unknown>>)[name];
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value) || !hasOnly(value, nested)) return false;
  }
  return true;
}
