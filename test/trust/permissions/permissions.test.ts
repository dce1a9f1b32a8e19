import { readFile } from 'node:fs/promises';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  JetStreamModule,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  getNatsConnectionToken,
} from 'nestjs-nats-jetstream';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer, type NatsTestAccount, type NatsTestSubjects } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogRecorder } from '../../support/log-recorder.js';
import { features, type Owner } from './features.js';
import { usedSubjects } from './used-subjects.js';

interface Row {
  readonly feature: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const rows = await permissionTable();
let server: NatsTestServer;

beforeAll(async () => {
  server = await NatsTestServer.start({
    config: { trace: true },
    accounts: Object.fromEntries(rows.map(account)),
  });
});
afterAll(() => server.stop());

/** Each feature has its own account, in which a user has exactly the permissions of the table. */
function account({ publish, subscribe }: Row, i: number): [string, NatsTestAccount] {
  const only = (subjects: readonly string[]): NatsTestSubjects =>
    subjects.length > 0 ? { allow: subjects } : { deny: '>' };
  const permissions = { publish: only(publish), subscribe: only(subscribe) };
  return [`A${i}`, { users: [{ user: `owner-${i}` }, { user: `user-${i}`, permissions }] }];
}

describe('the permissions in the security guide', () => {
  it('have a row for every tested feature, and vice versa', () => {
    expect(rows.map(({ feature }) => feature).toSorted()).toEqual(Object.keys(features).toSorted());
  });

  it.each(rows.map((row, i) => ({ ...row, i })))(
    'are enough for: $feature',
    async ({ feature, publish, subscribe, i }) => {
      const { prepare, use } = features[feature] ?? {};
      await using owner = await asOwner(`owner-${i}`);
      await prepare?.(owner);
      const before = (await server.log()).length;
      await use?.(server.connectionFor(`user-${i}`), owner);
      const log = (await server.log()).slice(before);
      expect(log.match(/Publish Violation.*|Subscription Violation.*/g) ?? []).toEqual([]);
      const used = usedSubjects(log, `user-${i}`);
      expect({
        publish: unused(publish, used.publish),
        subscribe: unused(subscribe, used.subscribe),
      }).toEqual({
        publish: [],
        subscribe: [],
      });
    },
  );
});

/** The permissions in the table that were not used. */
function unused(allowed: readonly string[], used: readonly string[]): string[] {
  return allowed.filter((pattern) => !used.some((subject) => covers(pattern.split('.'), subject.split('.'))));
}

function covers(pattern: readonly string[], subject: readonly string[]): boolean {
  return (
    (pattern.at(-1) === '>' ? subject.length >= pattern.length : subject.length === pattern.length) &&
    pattern.every((token, i) => token === '*' || token === '>' || token === subject[i])
  );
}

async function asOwner(user: string): Promise<Owner & AsyncDisposable> {
  const connection = server.connectionFor(user);
  const module: TestingModule = await Test.createTestingModule({
    imports: [JetStreamModule.forRoot({ connection })],
  })
    .setLogger(new LogRecorder())
    .compile();
  await module.init();
  return {
    user: connection,
    nc: module.get<NatsConnection>(getNatsConnectionToken()),
    jetstream: module.get(JetStreamService),
    keyValues: module.get(KeyValueService),
    objects: module.get(ObjectStoreService),
    [Symbol.asyncDispose]: () => module.close(),
  };
}

/** The rows of `docs/security.md` between the marks `permissions` and `/permissions`. */
async function permissionTable(): Promise<Row[]> {
  const page = await readFile(new URL('../../../docs/security.md', import.meta.url), 'utf8');
  const table = /<!-- permissions -->([^]*)<!-- \/permissions -->/.exec(page)?.[1] ?? '';
  const subjects = (cell: string): string[] =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, subject = '']) => subject);
  return table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => {
      const [, feature = '', publish = '', subscribe = ''] = line.split('|').map((cell) => cell.trim());
      return { feature, publish: subjects(publish), subscribe: subjects(subscribe) };
    });
}
