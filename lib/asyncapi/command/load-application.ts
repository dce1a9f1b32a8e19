import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DynamicModule, INestApplicationContext, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomTransportStrategy, MicroserviceOptions } from '@nestjs/microservices';
import { errorText } from '../../reporting/index.js';
import type { AsyncApiOptions } from '../document/index.js';
import { UsageError } from './command-line.js';

/** A module as it is exported: a class, or a dynamic module. */
type RootModule = Type | DynamicModule | Promise<DynamicModule>;

/** The exports of a file that the command uses. */
export interface LoadedFile {
  readonly module: RootModule;
  readonly options: AsyncApiOptions;
}

/**
 * Loads a compiled file, which is CommonJS or an ES module.
 *
 * @param load imports a module by its URL
 * @param name the name of the exported module; `undefined` for the default
 * @throws {@link UsageError} if it cannot be loaded, or does not export the module
 */
export async function loadFile(
  file: string,
  name: string | undefined,
  load: (url: string) => Promise<unknown>,
): Promise<LoadedFile> {
  const path = resolve(file);
  let exported: Exports;
  try {
    exported = exportsOf(await load(pathToFileURL(path).href));
  } catch (error) {
    const advice = /\.[cm]?tsx?$/.test(file) ? '. Compile the application, and name the compiled file' : '';
    throw new UsageError(`"${file}" cannot be loaded: ${errorText(error)}${advice}`);
  }
  const module = moduleOf(exported, name, file);
  const options = exported.asyncApi as AsyncApiOptions | undefined;
  return { module, options: options ?? (await optionsOfPackage(dirname(path))) };
}

/**
 * Creates all providers of an application, as a start does, but runs no life-cycle hooks and opens no port. A
 * microservice is created and never starts to listen, which is the public way to do this.
 */
export function createWithoutHooks(
  module: RootModule,
  logger: LoggerService,
): Promise<INestApplicationContext> {
  const strategy: CustomTransportStrategy = { listen: () => undefined, close: () => undefined };
  return NestFactory.createMicroservice<MicroserviceOptions>(module, {
    strategy,
    logger,
    abortOnError: false,
  });
}

type Exports = Readonly<Record<string, unknown>>;

/** The exports of a file. Those of CommonJS are also members of `default`, even if Node does not find their names. */
function exportsOf(namespace: unknown): Exports {
  const named = namespace as Exports;
  const { default: all } = named;
  return typeof all === 'object' && all !== null ? { ...(all as Exports), ...named } : named;
}

const DEFAULT_NAME = 'AppModule';

function moduleOf(exported: Exports, name: string | undefined, file: string): RootModule {
  const found = exported[name ?? DEFAULT_NAME];
  if (isModule(found)) return found;
  const modules = Object.keys(exported).filter((each) => each !== 'default' && isModule(exported[each]));
  const [only] = modules;
  if (name === undefined && modules.length === 1) return exported[only] as RootModule;
  const known = modules.length > 0 ? `its modules are ${modules.join(', ')}` : 'it exports no module';
  throw new UsageError(`"${file}" does not export the module "${name ?? DEFAULT_NAME}": ${known}`);
}

/** The metadata keys of a class with `@Module()`. */
const MODULE_KEYS = ['imports', 'controllers', 'providers', 'exports'];

function isModule(value: unknown): value is RootModule {
  if (typeof value === 'function') {
    return MODULE_KEYS.some((key) => Reflect.hasMetadata(key, value)) || value.name.endsWith('Module');
  }
  if (typeof value !== 'object' || value === null) return false;
  return 'module' in value || value instanceof Promise;
}

/** Title and version of the nearest package. */
async function optionsOfPackage(folder: string): Promise<AsyncApiOptions> {
  for (let each = folder; ; each = dirname(each)) {
    const read = await packageIn(each);
    if (read !== undefined) {
      const { name, version, description } = read;
      return {
        info: { title: name, version, ...(typeof description === 'string' ? { description } : {}) },
      };
    }
    if (dirname(each) === each) {
      throw new UsageError('there is no package.json with name and version: export "asyncApi" from the file');
    }
  }
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly description?: unknown;
}

async function packageIn(folder: string): Promise<Package | undefined> {
  try {
    const read = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Partial<Package>;
    const { name, version, description } = read;
    // The package.json of a build often has only a type.
    return typeof name === 'string' && typeof version === 'string'
      ? { name, version, description }
      : undefined;
  } catch {
    return undefined;
  }
}
