/** Finds in the trace of a server what a user published and subscribed to. */
export function usedSubjects(
  log: string,
  user: string,
): { readonly publish: string[]; readonly subscribe: string[] } {
  const clients = new Set<string>();
  const publish = new Set<string>();
  const subscribe = new Set<string>();
  for (const line of log.split('\n')) {
    const [, client = '', operation = '', rest = ''] =
      /- cid:(\d+) .*<<- \[(CONNECT|H?PUB|SUB) (.*)\]/.exec(line) ?? [];
    if (operation === 'CONNECT' && rest.includes(`"user":"${user}"`)) clients.add(client);
    // The server sends its reports about a message with the permissions of the publisher.
    const [, sender = '', destination = ''] =
      /- cid:(\d+) .*<<- MSG_PAYLOAD.*Nats-Trace-Dest: ([\w.-]+)/.exec(line) ?? [];
    if (clients.has(sender)) publish.add(destination);
    if (!clients.has(client)) continue;
    const [subject = ''] = rest.split(' ');
    if (operation === 'SUB') subscribe.add(subject);
    else if (operation.endsWith('PUB')) publish.add(subject);
  }
  return { publish: [...publish], subscribe: [...subscribe] };
}
