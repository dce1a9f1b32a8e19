const DEFAULT_PORT = 4222;

/**
 * Host and port of each server, without scheme, user and password, as they are written: a path or a query could contain
 * secrets too.
 */
export function serverAddresses(
  servers: string | readonly string[] | undefined,
  port: number | undefined,
): readonly string[] {
  const listed = typeof servers === 'string' ? servers.split(',') : (servers ?? []);
  const hosts = listed.map(hostOf).filter((host) => host !== '');
  return hosts.length > 0 ? hosts : [`localhost:${port ?? DEFAULT_PORT}`];
}

function hostOf(server: string): string {
  const bare = server.trim().replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  // A password may contain an at sign and a slash.
  const host = bare.slice(bare.lastIndexOf('@') + 1).replace(/[/?#].*$/, '');
  if (host === '') return '';
  return /:\d+$/.test(host) && !/^[^[\]]*:[^[\]]*:/.test(host) ? host : `${host}:${DEFAULT_PORT}`;
}
