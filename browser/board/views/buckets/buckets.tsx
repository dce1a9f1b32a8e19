import type { JSX } from 'preact';
import { Screen } from '../../parts/screen.js';
import type { Route } from '../../state/route.js';
import { BucketList } from './bucket-list.js';

/** The Key-Value buckets and the object stores. */
export function Buckets({ route: { query } }: { readonly route: Route }): JSX.Element {
  return (
    <Screen title="Buckets">
      <BucketList kind="key-value" title="Key-Value buckets" query={query} name="keys" />
      <BucketList kind="object-store" title="Object stores" query={query} name="objects" />
    </Screen>
  );
}
