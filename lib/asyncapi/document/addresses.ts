import type { MessageContract } from '../../contracts/index.js';

/** The address of a channel and its parameters. */
export interface Address {
  readonly address: string;
  readonly parameters: readonly Parameter[];
}

interface Parameter {
  readonly name: string;
  readonly description: string;
}

const ONE = 'One token of the subject.';
const SEVERAL = 'One or more tokens of the subject, separated by dots.';

/** The address of a contract: `orders.{id}.placed` for `orders.:id.placed`; `undefined` if its subject cannot be one. */
export function addressOfContract({ template }: Pick<MessageContract, 'template'>): Address | undefined {
  if (!isAddressable(template)) return undefined;
  return addressOf(template.split('.'), (token) => (token.startsWith(':') ? token.slice(1) : undefined));
}

/** The address of a filter: `orders.{token1}.placed` for `orders.*.placed`; `undefined` if it cannot be one. */
export function addressOfFilter(filter: string): Address | undefined {
  if (!isAddressable(filter)) return undefined;
  let wildcards = 0;
  return addressOf(filter.split('.'), (token) => (token === '*' ? `token${++wildcards}` : undefined));
}

/** Braces would be read as parameters. */
function isAddressable(subject: string): boolean {
  return !/[{}]/.test(subject);
}

function addressOf(tokens: readonly string[], nameOf: (token: string) => string | undefined): Address {
  const parameters: Parameter[] = [];
  const address = tokens.map((token) => {
    const name = token === '>' ? 'rest' : nameOf(token);
    if (name === undefined) return token;
    parameters.push({ name, description: token === '>' ? SEVERAL : ONE });
    return `{${name}}`;
  });
  return { address: address.join('.'), parameters };
}
