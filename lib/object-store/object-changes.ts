import { nuid } from '@nats-io/transport-node';
import {
  MirroredObjectStoreError,
  ObjectDeletedError,
  ObjectExistsError,
  ObjectNotFoundError,
} from '../errors/index.js';
import type { RunningOperation } from '../instruments/index.js';
import { type CallOptions, inSteps } from '../jetstream/index.js';
import { within } from '../timing/index.js';
import type { MakeDescription, ObjectCatalog, Patience } from './object-catalog.js';
import type { ObjectInfo, ObjectLink, toWireMeta } from './object-info.js';
import { isNamed } from './object-listing.js';
import type { ObjectTransfers } from './object-transfers.js';

/** Changes the descriptions of objects: their properties and names, their deletion, and links. */
export class ObjectChanges {
  private readonly bucket: string;

  constructor(
    private readonly catalog: ObjectCatalog,
    private readonly transfers: ObjectTransfers,
  ) {
    this.bucket = catalog.names.bucket;
  }

  /** See `ObjectStore.updateMeta`. */
  describe(
    name: string,
    newName: string,
    change: ReturnType<typeof toWireMeta>,
    options: CallOptions,
    operation: RunningOperation | undefined,
  ): Promise<ObjectInfo> {
    return this.changing(options, async (patience) => {
      const how = { patience, operation };
      if (newName !== name) return this.rename(name, newName, change, how);
      const make: MakeDescription = (current) => {
        if (!current) throw new ObjectNotFoundError(this.bucket, name);
        if (current.info.deleted) throw new ObjectDeletedError(this.bucket, name);
        return { ...current.wire, ...change };
      };
      return (await this.catalog.replace(name, make, how)).info;
    });
  }

  /**
   * Deletes an object if its description is the one that is meant.
   *
   * @returns the revision of the marker; `undefined` if nothing was deleted
   */
  remove(
    name: string,
    isMeant: (current: ObjectInfo) => boolean,
    options: CallOptions,
    operation?: RunningOperation,
  ): Promise<number | undefined> {
    return this.changing(options, (patience) => this.removeWithin(name, isMeant, patience, operation));
  }

  /** See `ObjectStore.addLink`. */
  putLink(
    name: string,
    link: ObjectLink,
    options: CallOptions,
    operation: RunningOperation | undefined,
  ): Promise<ObjectInfo> {
    const make: MakeDescription = (current) => {
      if (current && !current.info.deleted && !current.info.link) {
        throw new ObjectExistsError(this.bucket, name);
      }
      return { name, options: { link }, bucket: this.bucket, nuid: nuid.next(), size: 0, chunks: 0 };
    };
    return this.changing(options, async (patience) => {
      return (await this.catalog.replace(name, make, { patience, operation })).info;
    });
  }

  /** @throws {@link MirroredObjectStoreError} */
  checkWritable(): void {
    const { bucket, origin } = this.catalog.names;
    if (origin !== undefined) throw new MirroredObjectStoreError(bucket, origin);
  }

  private async rename(
    name: string,
    newName: string,
    change: ReturnType<typeof toWireMeta>,
    how: { readonly patience: Patience; readonly operation: RunningOperation | undefined },
  ): Promise<ObjectInfo> {
    const { patience } = how;
    const renamed = await this.catalog.get(name, false, patience);
    const make: MakeDescription = (current) => {
      if (current && !current.info.deleted) throw new ObjectExistsError(this.bucket, newName);
      return { ...renamed.wire, ...change, name: newName };
    };
    const { info } = await this.catalog.replace(newName, make, how);
    // The object has its new name, so the old one is removed even if the caller no longer waits.
    await this.catalog.purge(this.catalog.names.info(name), renamed.info.revision, {
      deadline: patience.deadline,
    });
    return info;
  }

  private async removeWithin(
    name: string,
    isMeant: (current: ObjectInfo) => boolean,
    patience: Patience,
    operation: RunningOperation | undefined,
  ): Promise<number | undefined> {
    const { catalog, transfers } = this;
    let removed: string | undefined;
    let unknown = false;
    let revision: number | undefined;
    try {
      const { info, previous } = await catalog.replace(
        name,
        (current) => {
          if (!current) throw new ObjectNotFoundError(this.bucket, name);
          const { deleted, nuid: id } = current.info;
          removed = undefined;
          if (!isMeant(current.info)) return current.wire;
          removed = id;
          if (deleted) return current.wire;
          return { ...current.wire, size: 0, chunks: 0, digest: undefined, deleted: true };
        },
        { patience, onUnknown: () => (unknown = true), operation },
      );
      if (info.revision !== previous?.info.revision) revision = info.revision;
    } catch (error) {
      if (unknown && removed) transfers.removeUnnamed(catalog, removed, (id) => isNamed(catalog, id));
      throw error;
    }
    if (removed) await transfers.remove(catalog, removed);
    return revision;
  }

  /**
   * Runs a change of a description. If its signal is aborted while the server makes the change, it continues in the
   * background until its outcome is known, so that no chunks are left behind.
   */
  private async changing<R>(options: CallOptions, change: (patience: Patience) => Promise<R>): Promise<R> {
    this.checkWritable();
    return inSteps(options, (left) => {
      const patience = this.catalog.patience(left);
      const changing = change(patience);
      if (patience.signal !== undefined) this.transfers.background(within(Infinity, changing));
      return changing;
    });
  }
}
