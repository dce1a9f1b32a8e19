import { parseArgs } from 'node:util';
import { errorText } from '../../reporting/index.js';
import type { DocumentFormat } from '../document/index.js';

export const USAGE = `Usage: nestjs-nats-jetstream asyncapi <file> [options]

Writes the AsyncAPI document of an application, without a server.

  <file>             the compiled file that exports the module, such as dist/app.module.js
  --module <name>    the name of the exported module (default: AppModule, or the only module of the file)
  --output <file>    where to write the document (default: standard output)
  --format <format>  json or yaml (default: by the name of the output, otherwise json)
  --check <file>     compares the document with a file instead, and lists the changes
  -h, --help         shows this text

The file may also export the options of createAsyncApiDocument, as "asyncApi". Without them, title and version are those
of the nearest package.json.

The command "board" serves a page that shows a server: see nestjs-nats-jetstream board --help.

Exit codes: 0: done; 1: the file of --check differs; 2: wrong usage, or the document could not be created.
`;

/** The arguments of the command, with defaults. */
export interface CommandLine {
  readonly file: string;
  readonly module: string | undefined;
  readonly output: string | undefined;
  readonly format: DocumentFormat;
  readonly check: string | undefined;
}

/** The arguments cannot be understood. */
export class UsageError extends Error {}

/**
 * Reads the arguments of the command.
 *
 * @returns `undefined` if help is wanted
 * @throws {@link UsageError}
 */
export function readCommandLine(args: readonly string[]): CommandLine | undefined {
  const { values, positionals } = parse(args);
  if (values.help === true) return undefined;
  const [command, file, ...more] = positionals;
  if (command !== 'asyncapi') {
    throw new UsageError(
      command === undefined
        ? 'name a command: asyncapi or board'
        : `there is no command "${command}"; use asyncapi or board`,
    );
  }
  if (file === undefined) throw new UsageError('name the compiled file that exports the module');
  if (more.length > 0) throw new UsageError(`name only one file, not also "${more.join('", "')}"`);
  const { module, output, check, format } = values;
  if (output !== undefined && check !== undefined) {
    throw new UsageError('--check writes nothing: leave out --output, or --check');
  }
  if (format !== undefined && format !== 'json' && format !== 'yaml') {
    throw new UsageError(`--format must be json or yaml, not "${format}"`);
  }
  return { file, module, output, check, format: format ?? formatOf(output ?? '') };
}

/** The format of a file, by its name. */
export function formatOf(file: string): DocumentFormat {
  return /\.ya?ml$/i.test(file) ? 'yaml' : 'json';
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        module: { type: 'string' },
        output: { type: 'string' },
        format: { type: 'string' },
        check: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(errorText(error));
  }
}
