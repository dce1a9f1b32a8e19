#!/usr/bin/env node
// Checks docs, comments, messages and test names for words and phrases that are not used here, because a reader has to
// decode them. Each entry says what to write instead. Exits with 1 if there is a hit.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The phrases, and what to write instead. */
const PHRASES = [
  [/\b(?:some|any|no|every)body\b/i, 'name the subject: the server, the client, the handler, the caller'],
  [/\b(?:whoever|whatever|whichever)\b/i, 'name the subject'],
  [
    /(?:^|[.:;!?] |\*\*|\* )(?:Who|What) (?!(?:is|are|does|do|can|to|happens|you|this)\b)[a-z]/m,
    'name the subject',
  ],
  [/(?:^|[.:;] )Where (?:it|they|there|the|a|an|no|one|several)\b/m, 'if, when'],
  [/\bbut for\b/i, 'except'],
  [/\belse as\b/i, 'otherwise the same as'],
  [/\b(?:is|are|was|were|be) told\b/i, 'receives, is notified, logs'],
  [/\b(?:tells?|told) of\b/i, 'reports, logs'],
  [/\b(?:hears?|heard) (?:of|from)\b/i, 'receives, learns'],
  [/\b(?:comes?|came|coming) again\b/i, 'is redelivered, is delivered again'],
  [/\b(?:gives?|gave|given) back\b/i, 'returns, releases'],
  [/\banew\b/i, 'again'],
  [/\bat the (?:most|least)\b/i, 'at most, at least'],
  [/\bwithout end\b/i, 'without limit, forever'],
  [/\bfor ever\b/i, 'forever'],
  [/\bon (?:its|their|the) way\b/i, 'in flight, in transit'],
  [/\bin the works\b/i, 'in flight'],
  [/\b(?:holds?|held) up\b/i, 'blocks, delays'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix, correct'],
  [/\b(?:calls?|called|calling) (?:it |them )?off\b/i, 'cancels'],
  [/\b(?:takes?|took|taking) (?:it|them) up\b/i, 'retries, continues'],
  [/\bunder way\b/i, 'in flight, in progress'],
  [/\bof (?:its|their) own accord\b/i, 'automatically'],
  [/\bits word\b/i, 'its response'],
  [/\bthrough with\b/i, 'finished with'],
  [/\b(?:turns?|turned) up\b/i, 'appears, arrives'],
  [/\bowe[sd]?\b/i, 'name what is missing'],
  [/\bin vain\b/i, 'without success'],
  [/\b(?:goes|went) (?:wrong|astray)\b/i, 'fails'],
  [/\b(?:a|the) rest\b(?= (?:of|is|for) \d)/i, 'pause'],
  [/\bat (?:the )?worst\b/i, 'at most'],
  [/\bnever lived\b|\blived to\b/i, 'crashed before'],
  [/\bwhere (?:asked|told|none|nothing|there (?:is|are) no|(?:it|that) is (?:asked|told))/i, 'if, when'],
  [/\btells? (?:so|how|that|what|which|why)\b/i, 'reports, returns, logs'],
  [/\bhears?\b/i, 'receives, is notified'],
  [/\b(?:made|begun) again\b/i, 'created again, started again'],
  [/\b(?:that|which|it|they) (?:is|are) (?:none\b|no (?!longer|more))/i, 'is not a, invalid'],
  [/\bcannot be right\b/i, 'invalid'],
  [/\b(?:can|to) be had\b/i, 'is available'],
  [/\ball the same\b/i, 'nevertheless, also'],
  [/\bin (?:its|their) turn\b|\bby turns\b/i, 'then, alternately'],
  [/\blikewise\b/i, 'also, in the same way'],
  [/\blest\b|\bas ever\b/i, 'so that not, as before'],
  [/\bin the midst\b/i, 'in the middle, during'],
  [/\bwithout a word\b/i, 'silently'],
  [/\bpass(?:es|ed)? over\b/i, 'skips, ignores'],
  [/\bstands? around\b/i, 'wraps'],
  [/\bstands? still\b/i, 'is paused, is blocked'],
  [/\bon the spot\b/i, 'in place, at once'],
  [/\bwords? of the (?:server|stream)\b/i, 'the confirmation of the server'],
  [/\bin force\b/i, 'current, applies'],
  [/\bwell again\b/i, 'works again'],
  [/\bthrown? away\b/i, 'discarded'],
  [/\bcomes? of\b/i, 'results from'],
];

/** Files that show the example with invoices. */
const INVOICES = [
  'README.md',
  'docs/getting-started.md',
  'docs/snippets/getting-started.ts',
  'docs/snippets/quick-start.ts',
  'test/docs/quick-start.test.ts',
];

/** Hits that are right, with the reason. */
const EXCEPTIONS = [
  ...INVOICES.map((file) => ({ file, text: 'customer} owes', reason: 'a customer owes money' })),
  ...INVOICES.map((file) => ({ file, text: 'Sue owes 129.9', reason: 'the output of that example' })),
];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDERS = ['docs', 'lib', 'sample', 'scripts', 'test', 'bench'];
const FILES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', '.ci/run'];

function* textFiles(folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    const path = relative(root, join(entry.parentPath, entry.name));
    if (!entry.isFile() || !/\.(?:md|ts|mts|mjs|js)$/.test(entry.name)) continue;
    if (/(?:^|\/)(?:node_modules|dist|output)\//.test(path) || path === 'scripts/check-language.mjs')
      continue;
    yield path;
  }
}

let hits = 0;
for (const path of [...FILES, ...FOLDERS.flatMap((folder) => [...textFiles(folder)])]) {
  readFileSync(join(root, path), 'utf8')
    .split('\n')
    .forEach((line, index) => {
      const text = line.replace(/^\s*(?:\/\/|\/?\*+|[-|>]) ?/, '');
      for (const [phrase, instead] of PHRASES) {
        const found = phrase.exec(text)?.[0];
        if (found === undefined) continue;
        if (EXCEPTIONS.some(({ file, text: allowed }) => path === file && line.includes(allowed))) continue;
        hits++;
        console.log(`${path}:${index + 1}: "${found.trim()}"; instead: ${instead}\n    ${line.trim()}`);
      }
    });
}
console.log(`${hits} hits`);
process.exitCode = hits === 0 ? 0 : 1;
