import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  IngestInterruptedError,
  InvalidArgumentError,
  LockNotObtainedError,
  ObjectTransferStalledError,
  PublishTimeoutError,
  RequestTimeoutError,
  type CallOptions,
} from 'nestjs-nats-jetstream';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatsTestServer } from '../../lib/testing/index.js';
import { within } from '../../lib/timing/index.js';
import { outcomeOf } from '../connection/every-call.js';
import { CALLS, EXCEPTIONS, limited, PATIENCE, type Limited, type LimitedCall } from './limited-calls.js';

const TABLE = Object.entries(CALLS);

/** How soon an aborted call ends, in milliseconds. */
const AT_ONCE = 200;
/** The timeout of a call to a server that does not respond, and how long the call may take, in milliseconds. */
const TIMEOUT = 200;
const LONGEST = 1_500;

const TIMEOUT_ERRORS = [
  RequestTimeoutError,
  PublishTimeoutError,
  ObjectTransferStalledError,
  LockNotObtainedError,
];

/** Makes a call, and returns its error. */
function outcome(on: Limited, { call }: LimitedCall, limits: unknown, prepared: unknown): Promise<unknown> {
  return outcomeOf(() => call(on, limits as CallOptions, prepared));
}

/** Creates what one call needs; what is running is stopped at the end. */
async function preparedFor(
  on: Limited,
  { prepare }: LimitedCall,
): Promise<AsyncDisposable & { readonly value: unknown }> {
  const value = await prepare?.(on);
  return {
    value,
    [Symbol.asyncDispose]: async () => {
      await (value as Partial<AsyncDisposable> | undefined)?.[Symbol.asyncDispose]?.();
    },
  };
}

/** Prepares each call while the server runs. */
async function prepareAll(on: Limited): Promise<Map<string, unknown>> {
  const prepared = new Map<string, unknown>();
  for (const [name, { prepare }] of TABLE) prepared.set(name, await prepare?.(on));
  return prepared;
}

describe('a call to a server that responds', () => {
  let server: NatsTestServer;
  let on: Limited;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version: '2.15' });
    on = await limited(server.url);
  });
  afterAll(async () => {
    await on.app.close();
    await on.nc.close();
    await server.stop();
  });

  it.each(TABLE)('%s works with a timeout and a signal', async (_, entry) => {
    const { signal } = new AbortController();
    await using prepared = await preparedFor(on, entry);
    expect(await outcome(on, entry, { timeout: 5_000, signal }, prepared.value)).toBe('no error');
  });

  it.each(TABLE)('%s sends nothing if its signal is aborted already', async (_, entry) => {
    await using prepared = await preparedFor(on, entry);
    const sent = on.nc.stats().outMsgs;
    for (const reason of [new Error('not wanted'), 'not wanted', 5]) {
      const error = await outcome(on, entry, { signal: AbortSignal.abort(reason) }, prepared.value);
      expect(error).toBe(reason);
    }
    await sleep(1);
    expect(on.nc.stats().outMsgs).toBe(sent);
  });

  it.each(TABLE)('%s refuses invalid limits before anything is sent', async (_, entry) => {
    await using prepared = await preparedFor(on, entry);
    const sent = on.nc.stats().outMsgs;
    for (const timeout of [-1, 0, Number.NaN, '5']) {
      // One attempt to obtain a lock is allowed.
      if (entry.limit === 'wait' && timeout === 0) continue;
      const refusal = await outcome(on, entry, { timeout }, prepared.value);
      expect(refusal, `a timeout of ${timeout}`).toBeInstanceOf(InvalidArgumentError);
    }
    expect(await outcome(on, entry, { signal: {} }, prepared.value)).toBeInstanceOf(InvalidArgumentError);
    await sleep(1);
    expect(on.nc.stats().outMsgs).toBe(sent);
  });
});

describe.skipIf(process.platform === 'win32')('a call to a server that hangs', () => {
  let server: NatsTestServer;
  let on: Limited;
  const aborted = new Map<string, { readonly error: unknown; readonly after: number }>();
  const timedOut = new Map<string, { readonly error: unknown; readonly after: number }>();
  const reason = 'no longer wanted';

  beforeAll(async () => {
    server = await NatsTestServer.start({ version: '2.15' });
    on = await limited(server.url);
    const forAbort = await prepareAll(on);
    const forTimeout = await prepareAll(on);
    server.pause();
    const controller = new AbortController();
    const { signal } = controller;
    let start = Infinity;
    const aborting = TABLE.map(async ([name, entry]) => {
      const error = await outcome(on, entry, { signal }, forAbort.get(name));
      aborted.set(name, { error, after: performance.now() - start });
    });
    await sleep(300);
    start = performance.now();
    controller.abort(reason);
    await within(5_000, Promise.all(aborting));
    const started = performance.now();
    const waiting = TABLE.map(async ([name, entry]) => {
      const error = await outcome(on, entry, { timeout: TIMEOUT }, forTimeout.get(name));
      timedOut.set(name, { error, after: performance.now() - started });
    });
    await within(PATIENCE + 5_000, Promise.all(waiting));
  });
  afterAll(async () => {
    server.resume();
    await on.app.close();
    await on.nc.close();
    await server.stop();
  });

  it.each(TABLE)('%s ends with the reason when its signal is aborted', (name, { reports, cleaning = 0 }) => {
    const { error, after } = aborted.get(name) ?? { error: 'still waiting', after: Infinity };
    const isReport = reports && error instanceof IngestInterruptedError;
    expect(isReport ? error.cause : error).toEqual(isReport ? new Error(reason) : reason);
    expect(after).toBeGreaterThanOrEqual(0);
    expect(after).toBeLessThan(AT_ONCE + cleaning);
  });

  it.each(TABLE)('%s ends after its timeout', (name, { silence = 0, reports = false }) => {
    const { error: given, after } = timedOut.get(name) ?? { error: 'still waiting', after: Infinity };
    const error = reports && given instanceof Error ? given.cause : given;
    expect(
      TIMEOUT_ERRORS.some((type) => error instanceof type),
      String(error),
    ).toBe(true);
    expect(after).toBeGreaterThan(TIMEOUT / 2);
    expect(after).toBeLessThan(LONGEST + silence);
  });
});

it('every public method has these options, or is listed as an exception', { timeout: 120_000 }, () => {
  const methods = publicMethods();
  const isListed = (method: string): boolean =>
    method in CALLS || method in EXCEPTIONS || `${method.split('.')[0]}.*` in EXCEPTIONS;
  expect(methods.length).toBeGreaterThan(150);
  expect(methods.filter((method) => !isListed(method))).toEqual([]);
  const isMethod = (name: string): boolean =>
    name.endsWith('.*')
      ? methods.some((method) => method.startsWith(name.slice(0, -1)))
      : methods.includes(name);
  expect([...Object.keys(CALLS), ...Object.keys(EXCEPTIONS)].filter((name) => !isMethod(name))).toEqual([]);
});

/** The public methods of all classes that the package exports, except errors, as `Class.method`. */
function publicMethods(): string[] {
  const entry = fileURLToPath(new URL('../../lib/index.ts', import.meta.url));
  const program = ts.createProgram([entry], {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error('lib/index.ts cannot be read');
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter(({ flags, name }) => flags & ts.SymbolFlags.Class && !name.endsWith('Error'))
    .flatMap((type) =>
      checker
        .getPropertiesOfType(checker.getDeclaredTypeOfSymbol(type))
        .filter(isPublicMethod)
        .map(({ name }) => `${type.name}.${name}`),
    );
}

function isPublicMethod({ flags, name, declarations = [] }: ts.Symbol): boolean {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (
    (flags & ts.SymbolFlags.Method) !== 0 &&
    !name.startsWith('__@') &&
    declarations.every(
      (declaration) =>
        !declaration.getSourceFile().fileName.includes('/node_modules/') &&
        (ts.getCombinedModifierFlags(declaration) & hidden) === 0 &&
        !ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal'),
    )
  );
}
