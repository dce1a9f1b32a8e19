import { readFile } from 'node:fs/promises';
import { errors, type TlsOptions } from '@nats-io/transport-node';
import { errorText } from '../../reporting/index.js';

/** Certificates and keys in the form that Node expects. */
interface Certificates {
  cert?: Buffer | string;
  key?: Buffer | string;
  ca?: (Buffer | string)[] | string;
}

/**
 * The certificates and keys of TLS options; named files are read.
 *
 * @throws the client's `ConnectionError` if a file cannot be read
 */
export async function certificatesOf(tls: TlsOptions): Promise<Certificates> {
  const { certFile, cert, keyFile, key, caFile, ca } = tls;
  const certificates: Certificates = {};
  if (certFile) certificates.cert = await contentOf(certFile);
  else if (cert) certificates.cert = cert;
  if (keyFile) certificates.key = await contentOf(keyFile);
  else if (key) certificates.key = key;
  if (caFile) certificates.ca = [await contentOf(caFile)];
  else if (ca) certificates.ca = ca;
  return certificates;
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new errors.ConnectionError(`a file of the option "tls" cannot be read: ${errorText(cause)}`, {
      cause,
    });
  }
}
