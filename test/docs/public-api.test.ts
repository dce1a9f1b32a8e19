import { describe, expect, it } from 'vitest';
import { PublicDeclarations } from './public-declarations.js';

const declarations = await PublicDeclarations.read();
const { names } = declarations;

describe('the comments of public names', () => {
  it('link only to names that users can find', () => {
    const links = names.flatMap((name) => declarations.linksOf(name).map((link) => ({ link, name })));
    expect(links.length).toBeGreaterThan(200);
    const unresolved = links.filter(({ link, name }) => !declarations.resolves(link, name));
    expect(unresolved.map(({ link, name }) => `${name.name}: ${link}`)).toEqual([]);
  });

  it('name the errors of everything that throws', () => {
    const throwing = names.filter((name) => declarations.throws(name));
    expect(throwing.length).toBeGreaterThan(40);
    const silent = throwing.filter((name) => !declarations.namesErrors(name));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('name the errors of everything that waits for the server', () => {
    const waiting = names.filter((name) =>
      /^(Promise|PubAckFuture|AsyncIterable|AsyncGenerator)\b/.test(declarations.returnTypeOf(name) ?? ''),
    );
    expect(waiting.length).toBeGreaterThan(100);
    // One of several overloads may have the comment.
    const told = new Set(waiting.filter((each) => declarations.namesErrors(each)).map(({ name }) => name));
    const silent = waiting.filter(({ name }) => !told.has(name));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
