import { InvalidArgumentError } from '../errors/index.js';
import { errorText, shown } from '../reporting/index.js';
import { checkSignal } from '../user-code/index.js';
import { type AllOptionsOf, type KnownOptions, ListOf } from './known-options.js';
import { isTable, readOptions, refuseUnknown } from './read-options.js';

/**
 * Creates the check of one kind of options: they must be an object without unknown names, and `signal` must be an
 * `AbortSignal`. It is cheap enough for every message.
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
  return (options) => {
    const given: unknown = options;
    if (typeof given !== 'object' || given === null) {
      throw new InvalidArgumentError(argument, `${shown(given)} is not an object`);
    }
    try {
      if (!hasOnly(options, names)) refuseUnknown(whose, readOptions(options, table).problems);
      checkSignal((options as { readonly signal?: unknown }).signal);
    } catch (cause) {
      if (cause instanceof InvalidArgumentError) throw cause;
      throw new InvalidArgumentError(`options of ${whose}`, `they cannot be read: ${errorText(cause)}`, {
        cause,
      });
    }
    return options;
  };
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
