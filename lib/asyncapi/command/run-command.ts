import { writeFile } from 'node:fs/promises';
import { CommandLogger } from '../../pages/index.js';
import { counted, errorText } from '../../reporting/index.js';
import { type AsyncApiChange, compareAsyncApiDocuments } from '../changes/index.js';
import { type AsyncApiDocument, createAsyncApiDocument, documentText } from '../document/index.js';
import { type CommandLine, readCommandLine, USAGE, UsageError } from './command-line.js';
import { createWithoutHooks, loadFile } from './load-application.js';
import { readDocument } from './read-document.js';

/** The parts of its process that the command uses. */
export interface CommandHost {
  /** Imports a module by its URL. It belongs to the file of the command, because this package is CommonJS. */
  load(url: string): Promise<unknown>;
  /** Writes results. */
  out(text: string): void;
  /** Writes errors and logs. */
  err(text: string): void;
}

const DONE = 0;
const DIFFERENT = 1;
const FAILED = 2;

/**
 * Runs the command of the package.
 *
 * @param args the arguments behind the name of the command
 * @returns the exit code
 */
export async function runCommand(args: readonly string[], host: CommandHost): Promise<number> {
  try {
    const line = readCommandLine(args);
    if (line === undefined) {
      host.out(USAGE);
      return DONE;
    }
    // Before the application is loaded: modules, servers and clients read it when they connect.
    process.env.JETSTREAM_CONNECT = 'false';
    const document = await createDocument(line, host);
    return line.check === undefined
      ? await write(document, line, host)
      : await check(document, line.check, host);
  } catch (error) {
    host.err(`${errorText(error)}\n`);
    if (error instanceof UsageError) host.err('Run "nestjs-nats-jetstream --help" for the usage.\n');
    return FAILED;
  }
}

async function createDocument(line: CommandLine, host: CommandHost): Promise<AsyncApiDocument> {
  const { module, options } = await loadFile(line.file, line.module, (url) => host.load(url));
  const app = await createWithoutHooks(module, new CommandLogger((text) => host.err(text)));
  return createAsyncApiDocument(app, options);
}

async function write(
  document: AsyncApiDocument,
  { output, format }: CommandLine,
  host: CommandHost,
): Promise<number> {
  const text = documentText(document, format);
  if (output === undefined) host.out(text);
  else await writeFile(output, text).catch((error: unknown) => notWritten(output, error));
  return DONE;
}

function notWritten(output: string, error: unknown): never {
  throw new UsageError(`"${output}" cannot be written: ${errorText(error)}`);
}

async function check(document: AsyncApiDocument, file: string, host: CommandHost): Promise<number> {
  const changes = compareAsyncApiDocuments(await readDocument(file), document);
  if (changes.length === 0) {
    host.out(`"${file}" is up to date\n`);
    return DONE;
  }
  const breaking = changes.filter(({ kind }) => kind === 'breaking');
  const compatible = changes.filter(({ kind }) => kind === 'compatible');
  host.out(
    `"${file}" differs from the application: ${counted(breaking.length, 'breaking change')}, ` +
      `${counted(compatible.length, 'compatible change')}\n`,
  );
  host.out([...breaking, ...compatible].map(lineOf).join(''));
  return DIFFERENT;
}

function lineOf({ kind, path, text }: AsyncApiChange): string {
  return `  ${kind.padEnd(10)}  ${path}: ${text}\n`;
}
