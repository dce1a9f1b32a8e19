import { OperationObserver, type OperationKind } from '../instruments/index.js';
import type { Bucket } from './bucket.js';

/** Passes the operations on one bucket to the instruments of the application. */
export class KeyValueOperations {
  readonly get = this.observer('kv-get');
  readonly put = this.observer('kv-put');
  readonly create = this.observer('kv-create');
  readonly update = this.observer('kv-update');
  readonly delete = this.observer('kv-delete');
  readonly purge = this.observer('kv-purge');

  constructor(private readonly bucket: Pick<Bucket<never>, 'name' | 'jetstream'>) {}

  private observer(kind: OperationKind): OperationObserver {
    const { name, jetstream } = this.bucket;
    const { instruments, name: connection } = jetstream.connection;
    return new OperationObserver(instruments, { kind, connection, source: name });
  }
}
