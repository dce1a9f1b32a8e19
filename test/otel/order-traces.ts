import type { Tree } from './span-trees.js';

/** The spans of a placed order: its handler publishes a bill, whose handler fails twice and succeeds after a replay. */
const PROCESSED_ORDER: Tree = {
  span: 'process orders.*.placed',
  kind: 'CONSUMER',
  delivery: 1,
  children: [
    { span: 'SELECT', kind: 'INTERNAL' },
    {
      span: 'publish bills.*',
      kind: 'PRODUCER',
      children: [
        {
          span: 'process bills.*',
          kind: 'CONSUMER',
          delivery: 1,
          error: 'CardDeclined',
          events: ['exception', 'retried'],
        },
        {
          span: 'process bills.*',
          kind: 'CONSUMER',
          delivery: 2,
          error: 'CardDeclined',
          events: ['exception', 'dead-lettered'],
          children: [{ span: 'dead-letter', kind: 'PRODUCER' }],
        },
      ],
    },
  ],
};

/** The traces of the replay of the bill's dead letter. */
const REPLAYED: readonly Tree[] = [
  { span: 'process bills.*', kind: 'CONSUMER', delivery: 1 },
  { span: 'replay', kind: 'INTERNAL' },
];

/** All traces of an order that a request with this root span has published, sorted by name. */
export function tracesOfRequest(root: Tree): readonly Tree[] {
  const published = { span: 'publish orders.*.placed', kind: 'PRODUCER', children: [PROCESSED_ORDER] };
  return byName([{ ...root, children: [published] }, ...REPLAYED]);
}

/** All traces of an order that another program has published, sorted by name; its own spans are not known. */
export function tracesOfForeignPublish(): readonly Tree[] {
  return byName([PROCESSED_ORDER, ...REPLAYED]);
}

export function byName(trees: readonly Tree[]): readonly Tree[] {
  return trees.toSorted((a, b) => (a.span < b.span ? -1 : 1));
}
