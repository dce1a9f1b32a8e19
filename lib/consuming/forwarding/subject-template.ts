import { InvalidSubjectError } from '../../errors/index.js';

const PLACEHOLDER = /\{([^{}]*)\}/g;

/** Checks a template against the filters of the handled messages. */
export function checkTemplate(template: string, filters: readonly string[]): readonly string[] {
  const problems: string[] = [];
  if (!isSubject(template.replace(PLACEHOLDER, 'x'))) {
    problems.push(`@PublishTo("${template}") must be a subject without spaces, wildcards and empty tokens`);
  }
  const names = placeholdersOf(template);
  for (const name of names) {
    if (/^\d+$/.test(name)) continue;
    problems.push(
      `@PublishTo("${template}"): {${name}} must be the position of a token in the subject of the handled message, ` +
        'starting with {0}',
    );
  }
  const needed = Math.max(0, ...names.filter((name) => /^\d+$/.test(name)).map((name) => Number(name) + 1));
  for (const filter of filters) {
    const tokens = filter.split('.').length;
    if (filter.endsWith('>') || tokens >= needed) continue;
    problems.push(
      `@PublishTo("${template}") needs subjects with ${needed} tokens, but subjects of "${filter}" have ${tokens}`,
    );
  }
  return problems;
}

/** Compiles a template to a function that maps the subject of a message to the subject of its result. */
export function compileTemplate(template: string): (subject: string) => string {
  if (!template.includes('{')) return () => template;
  // Every second part is a position.
  const parts = template.split(PLACEHOLDER);
  return (subject) => {
    const tokens = subject.split('.');
    return parts.map((part, i) => (i % 2 === 0 ? part : tokenOf(tokens, Number(part), template))).join('');
  };
}

/** A filter for all subjects that the template can produce. */
export function templateFilter(template: string): string {
  return template
    .split('.')
    .map((token) => (token.includes('{') ? '*' : token))
    .join('.');
}

function tokenOf(tokens: readonly string[], position: number, template: string): string {
  const token = tokens[position];
  if (token !== undefined) return token;
  throw new InvalidSubjectError(
    template,
    `the subject "${tokens.join('.')}" of the handled message has no token ${position}`,
  );
}

function placeholdersOf(template: string): readonly string[] {
  return [...template.matchAll(PLACEHOLDER)].map(([, name]) => name);
}

function isSubject(text: string): boolean {
  return /^[^\s.{}]+(\.[^\s.{}]+)*$/.test(text) && !/(^|\.)[*>](\.|$)/.test(text);
}
