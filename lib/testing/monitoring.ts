import { get } from 'node:http';

/** Requests a page of a nats-server's monitoring port; rejects if the response is not 200 within a second. */
export async function monitor(url: string): Promise<unknown> {
  return JSON.parse(await getText(url));
}

// `fetch` is not used because the first call in a process takes longer than the start of a server.
function getText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: 1_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) {
          resolve(text);
        } else {
          reject(new Error(`${url} answered ${response.statusCode}: ${text.trim()}`));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer`)));
    request.on('error', reject);
  });
}
