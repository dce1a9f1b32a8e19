import { BucketReader } from './bucket-reader.js';
import { BucketWriter } from './bucket-writer.js';
import type { Bucket } from './bucket.js';

/** A bucket with its reader and writer. */
export class BucketAccess<T> {
  readonly reader: BucketReader<T>;
  readonly writer: BucketWriter<T>;

  constructor(readonly bucket: Bucket<T>) {
    this.reader = new BucketReader(bucket);
    this.writer = new BucketWriter(bucket, this.reader);
  }
}
