import { BucketLinkError, BucketNotFoundError, LinkLoopError, StreamNotFoundError } from '../errors/index.js';
import { Deadline, untilAborted } from '../timing/index.js';
import { throwIfAborted } from '../user-code/index.js';
import { ABOVE_ZERO, checkMilliseconds, optionsCheck } from '../validation/index.js';
import type { ReadOptions } from './chunk-download.js';
import { ObjectCatalog, type Patience } from './object-catalog.js';
import type { ObjectInfo } from './object-info.js';
import { ObjectNames } from './object-names.js';

/** Options of reading an object. */
export interface ObjectGetOptions {
  /** Returns the (empty) content of a deleted object instead of an error. Default `false`. */
  readonly showDeleted?: boolean | undefined;
  /** Ends the get immediately, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long the server may send nothing, although the reader wants more, before the get fails, in milliseconds.
   * Shorter leader elections are tolerated. Default 30,000.
   */
  readonly stallTimeout?: number | undefined;
}

const checkGetOptions = optionsCheck<ObjectGetOptions>('get', {
  showDeleted: true,
  signal: true,
  stallTimeout: true,
});

// A link to a link can arise when the target of a link is replaced by a link; long chains have no use.
const MAXIMUM_LINKS = 16;
const DEFAULT_STALL_TIMEOUT = 30_000;

/** The content of an object: its catalog, its description, and how to read it. */
export type FoundContent = [ObjectCatalog, ObjectInfo, ReadOptions];

/** Finds the object that has the content of a name: the target, if the name is that of a link. */
export async function findContent(
  catalog: ObjectCatalog,
  name: string,
  options: ObjectGetOptions,
): Promise<FoundContent> {
  const read = readOptions(options);
  const { signal } = read;
  throwIfAborted(signal);
  const [found, info] = await untilAborted(signal, follow(catalog, name, options.showDeleted, read));
  return [found, info, read];
}

async function follow(
  from: ObjectCatalog,
  name: string,
  showDeleted: boolean | undefined,
  patience: Patience,
): Promise<[ObjectCatalog, ObjectInfo]> {
  const { bucket } = from.names;
  let catalog = from;
  let { info } = await catalog.get(name, showDeleted, patience);
  for (let followed = 0; info.link && !info.deleted; followed++) {
    const { link } = info;
    if (link.name === undefined) throw new BucketLinkError(bucket, name, link.bucket);
    if (followed === MAXIMUM_LINKS) throw new LinkLoopError(bucket, name);
    catalog = await catalogOf(link.bucket, catalog);
    ({ info } = await catalog.get(link.name, false, patience));
  }
  return [catalog, info];
}

async function catalogOf(bucket: string, current: ObjectCatalog): Promise<ObjectCatalog> {
  const { names, jetstream } = current;
  // In a mirror, links to the origin refer to objects that the mirror has too.
  if (bucket === names.bucket || bucket === names.origin) return current;
  try {
    const { cachedInfo } = await jetstream.stream(new ObjectNames(bucket).stream);
    const { config, created, timestamp } = cachedInfo;
    return new ObjectCatalog(jetstream, ObjectNames.of(config), { created, timestamp }, config.replicas > 1);
  } catch (cause) {
    if (!(cause instanceof StreamNotFoundError)) throw cause;
    throw new BucketNotFoundError('Object Store', bucket, { cause });
  }
}

function readOptions(options: ObjectGetOptions): ReadOptions {
  const { stallTimeout: asked = DEFAULT_STALL_TIMEOUT, signal } = checkGetOptions(options);
  const stallTimeout = checkMilliseconds('stallTimeout', asked, ABOVE_ZERO);
  return { stallTimeout, deadline: new Deadline(stallTimeout), signal };
}
