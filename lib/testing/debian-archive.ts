import { access, readFile } from 'node:fs/promises';

import { runCommand } from './run-command.js';

/** The distribution's own archive on one mirror, as configured for this machine's apt. */
export interface DebianArchive {
  readonly uri: string;
  readonly components: readonly string[];
  /** The suites to search, from the oldest to the newest. */
  readonly suites: readonly string[];
  /** The distribution's keys, if they are installed; otherwise apt's trusted keys are used. */
  readonly keyring: string | undefined;
}

/** The information in `/etc/os-release` of a system with apt. */
export interface Distribution {
  /** `debian`, or `ubuntu` for Ubuntu and its derivatives. */
  readonly family: 'debian' | 'ubuntu';
  /** The names of the distribution, its own first: `ID` and `ID_LIKE`. */
  readonly names: readonly string[];
  /** The codename of its release, and that of the release it is derived from. */
  readonly codenames: readonly string[];
}

/** @throws Error if the system does not belong to the Debian family */
export async function readDistribution(): Promise<Distribution> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const fields = new Map(
    Array.from(text.matchAll(/^(\w+)=["']?(.*?)["']?$/gm), ([, key = '', value = '']) => [key, value]),
  );
  const words = (key: string) => (fields.get(key) ?? '').split(' ').filter((word) => word !== '');
  const names = [...words('ID'), ...words('ID_LIKE')];
  const family = (['ubuntu', 'debian'] as const).find((name) => names.includes(name));
  if (family === undefined) {
    throw new Error('this is not a Debian-like system');
  }
  const codenames = ['VERSION_CODENAME', 'UBUNTU_CODENAME', 'DEBIAN_CODENAME'].flatMap(words);
  return { family, names, codenames };
}

/**
 * Finds the distribution's archives among all archives in apt's configuration.
 *
 * Archives of other vendors often use the distribution's codename too, so the origin in the index decides. If no index
 * was downloaded yet, as in a container image, the origin is unknown: then each archive with the current release is a
 * candidate, and the distribution's key rejects the foreign ones.
 *
 * @throws Error if apt's configuration names none
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
    throw new Error(`apt is not configured with an archive of ${distribution.names.join(' or ')}`);
  }
  const keyring = await findKeyring(distribution);
  return [...new Set(targets.map(({ uri }) => uri))].map((uri) => {
    const components = targets.filter((target) => target.uri === uri).map((target) => target.component);
    return { uri, components: [...new Set(components)], suites, keyring };
  });
}

/** A package index in apt's configuration. */
interface IndexTarget {
  readonly origin: string;
  readonly codename: string;
  /** The suite, as named in the configuration. */
  readonly release: string;
  readonly component: string;
  /** The archive's address. */
  readonly uri: string;
}

/** With `--no-release-info`, indexes that were not downloaded yet are listed too, with less information about each. */
async function listTargets(
  env: NodeJS.ProcessEnv,
  ...options: '--no-release-info'[]
): Promise<IndexTarget[]> {
  const format = '$(ORIGIN)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)';
  const args = ['indextargets', ...options, '--format', format, 'Created-By: Packages'];
  const lines = (await runCommand('apt-get', args, { env })).split('\n');
  return lines.flatMap((line) => {
    // If apt does not know a value, the line contains the name of the field.
    const [origin = '', codename = '', release = '', component = '', uri = ''] = line
      .split('|')
      .map((value) => (value.startsWith('$(') ? '' : value));
    // nats-server is in Debian's main and in Ubuntu's universe component.
    return component === 'main' || component === 'universe'
      ? [{ origin, codename, release, component, uri }]
      : [];
  });
}

/** The suites by role, if the roles are suite names: they refer to the current releases in any year. */
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
