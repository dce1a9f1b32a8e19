import { describe, expect, it } from 'vitest';
import { hashOf, routeOf } from '../../../browser/board/state/route.js';

describe('the addresses of views', () => {
  it.each([
    [['handlers'], {}, '#/handlers'],
    [
      ['streams', 'ORDERS', 'messages'],
      { subject: 'orders.>' },
      '#/streams/ORDERS/messages?subject=orders.%3E',
    ],
    [['buckets', 'b', 'a/b?c#d%20'], {}, '#/buckets/b/a%2Fb%3Fc%23d%2520'],
    [['dead-letters'], { handler: 'A.b & c', since: '2026' }, '#/dead-letters?handler=A.b+%26+c&since=2026'],
    [['handlers', '<img>\u202e'], { service: 'ü' }, '#/handlers/%3Cimg%3E%E2%80%AE?service=%C3%BC'],
  ])('%j %j are read as they were written', (path, query, hash) => {
    expect(hashOf(path, query)).toBe(hash);
    expect(routeOf(hash)).toEqual({ path, query });
  });

  it('have no empty parameters', () => {
    expect(hashOf(['streams'], { search: '', after: undefined })).toBe('#/streams');
  });

  it.each(['', '#', '#/', '#//', '#/?'])('%j is the first view', (hash) => {
    expect(routeOf(hash).path).toEqual(['handlers']);
  });

  it('may be any text', () => {
    expect(routeOf('#/streams/%E0%A4%A?x=%')).toEqual({ path: ['streams', '%E0%A4%A'], query: { x: '%' } });
    expect(routeOf('#/a?__proto__=1').query).not.toHaveProperty('polluted');
  });
});
