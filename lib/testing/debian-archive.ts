import { access, readFile } from 'node:fs/promises';

import { runCommand } from './run-command.js';

/** The distribution's own archive on one mirror, as this machine's apt names it. */
export interface DebianArchive {
  readonly uri: string;
  readonly components: readonly string[];
  /** Suites to look into, from the oldest to the newest. */
  readonly suites: readonly string[];
  /** The distribution's keys, where they are installed; else apt's trusted ones are used. */
  readonly keyring: string | undefined;
}

/** What `/etc/os-release` says of a system that apt belongs to. */
export interface Distribution {
  /** `debian`, or `ubuntu` for Ubuntu and what derives from it. */
  readonly family: 'debian' | 'ubuntu';
  /** The names it goes by, its own first: `ID` and `ID_LIKE`. */
  readonly names: readonly string[];
  /** Its release's codename, and that of the release it derives from. */
  readonly codenames: readonly string[];
}

/** @throws Error when this is no system of Debian's family */
export async function readDistribution(): Promise<Distribution> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const fields = new Map(
    Array.from(text.matchAll(/^(\w+)=["']?(.*?)["']?$/gm), ([, key = '', value = '']) => [key, value]),
  );
  const words = (key: string) => (fields.get(key) ?? '').split(' ').filter((word) => word !== '');
  const names = [...words('ID'), ...words('ID_LIKE')];
  const family = (['ubuntu', 'debian'] as const).find((name) => names.includes(name));
  if (family === undefined) {
    throw new Error('this is no Debian-like system');
  }
  const codenames = ['VERSION_CODENAME', 'UBUNTU_CODENAME', 'DEBIAN_CODENAME'].flatMap(words);
  return { family, names, codenames };
}

/**
 * Finds the distribution's archives among all that apt is configured with.
 *
 * Other vendors' archives often carry the distribution's codename too, so the origin that an index tells
 * counts. Where no index was downloaded yet, as in a container image, none is told: then each archive that
 * serves the current release may be the one, and the distribution's key refuses the foreign ones.
 *
 * @throws Error when apt names none
 */
export async function findDebianArchives(
  distribution: Distribution,
  env: NodeJS.ProcessEnv,
): Promise<DebianArchive[]> {
  const suites = suitesOf(distribution);
  const current = new Set([...distribution.codenames, ...suites, 'sid']);
  const isOwn = ({ origin, codename, release }: IndexTarget) =>
    (origin === '' || distribution.names.includes(origin.toLowerCase())) &&
    (current.has(codename) || current.has(release));

  let targets = (await listTargets(env)).filter(isOwn);
  if (targets.length === 0) {
    targets = (await listTargets(env, '--no-release-info')).filter(isOwn);
  }
  if (targets.length === 0) {
    throw new Error(`apt is configured with no archive of ${distribution.names.join(' or ')}`);
  }
  const keyring = await findKeyring(distribution);
  return [...new Set(targets.map(({ uri }) => uri))].map((uri) => {
    const components = targets.filter((target) => target.uri === uri).map((target) => target.component);
    return { uri, components: [...new Set(components)], suites, keyring };
  });
}

/** A package index that apt is configured with. */
interface IndexTarget {
  readonly origin: string;
  readonly codename: string;
  /** The suite, as the configuration calls it. */
  readonly release: string;
  readonly component: string;
  /** The archive's address. */
  readonly uri: string;
}

/** With `--no-release-info`, indexes that were not downloaded yet are listed too, with less told of each. */
async function listTargets(
  env: NodeJS.ProcessEnv,
  ...options: '--no-release-info'[]
): Promise<IndexTarget[]> {
  const format = '$(ORIGIN)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)';
  const args = ['indextargets', ...options, '--format', format, 'Created-By: Packages'];
  const lines = (await runCommand('apt-get', args, { env })).split('\n');
  return lines.flatMap((line) => {
    // What apt does not know stays in the line as the name of the field.
    const [origin = '', codename = '', release = '', component = '', uri = ''] = line
      .split('|')
      .map((value) => (value.startsWith('$(') ? '' : value));
    // nats-server is in Debian's main and in Ubuntu's universe.
    return component === 'main' || component === 'universe'
      ? [{ origin, codename, release, component, uri }]
      : [];
  });
}

/** Suites by their roles, where these are names: they mean the current releases in any year. */
function suitesOf({ family, codenames }: Distribution): string[] {
  return family === 'debian'
    ? ['oldstable', 'stable', 'testing', 'unstable']
    : [...codenames.slice(-1), 'devel'];
}

async function findKeyring({ family }: Distribution): Promise<string | undefined> {
  const path = `/usr/share/keyrings/${family}-archive-keyring.gpg`;
  return access(path).then(
    () => path,
    () => undefined,
  );
}
