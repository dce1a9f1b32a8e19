#!/usr/bin/env node
// Writes docs/error-index.md, the reference of all exported errors, from their source code: the first sentence of the
// TSDoc, its `@remarks`, which say what to do, and the public properties. `--stdout` prints the page instead.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const page = join(root, 'docs/error-index.md');
const lib = join(root, 'lib');

/** The sections of the page, in their order, with the files that declare their errors. */
const AREAS = [
  ['Base classes', ['errors/jetstream.error.ts']],
  [
    'Connection and requests',
    [
      'errors/connection.errors.ts',
      'errors/request.errors.ts',
      'errors/server.errors.ts',
      'errors/nest.errors.ts',
    ],
  ],
  ['Arguments, messages and payloads', ['errors/argument.errors.ts', 'errors/message.errors.ts']],
  ['JetStream API', ['errors/api.errors.ts']],
  ['Streams', ['errors/stream.errors.ts']],
  ['Consumers', ['errors/consumer.errors.ts']],
  ['Publishing', ['errors/publish.errors.ts']],
  ['Receiving', ['errors/receiving.errors.ts', 'errors/consuming.errors.ts']],
  [
    'Handlers',
    [
      'errors/handler.errors.ts',
      'consuming/handler-configuration.error.ts',
      'consuming/settlement/retry.errors.ts',
      'errors/schedule.errors.ts',
    ],
  ],
  ['Dead letters', ['errors/dead-letter.errors.ts']],
  ['Instances of services', ['errors/discovery.errors.ts']],
  ['Declarations', ['errors/provisioning.errors.ts']],
  ['Buckets', ['errors/bucket.errors.ts']],
  ['Key-Value', ['errors/key-value.errors.ts']],
  ['Object Store', ['errors/object-store.errors.ts']],
  ['Microservices', ['errors/microservice.errors.ts']],
  ['Pages', ['errors/page.errors.ts', 'errors/board.errors.ts']],
  ['Tests', ['testing/errors.ts', 'testing/kit/errors.ts']],
];

const text = await format(render(readErrors()), {
  ...(await resolveConfig(page)),
  filepath: page,
  proseWrap: 'always',
  printWidth: 120,
});
if (process.argv.includes('--stdout')) process.stdout.write(text);
else writeFileSync(page, text);

/** Every error that an entry of the package exports. */
function readErrors() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = Object.entries(exports)
    .filter(([, target]) => target.require !== undefined)
    .map(([subpath, { require: target }]) => ({
      from: `nestjs-nats-jetstream${subpath.slice(1)}`,
      file: target.default.replace('./dist/cjs', lib).replace(/\.js$/, '.ts'),
    }));
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.build.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    options,
  );
  const checker = program.getTypeChecker();
  const errors = new Map();
  for (const { from, file } of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file));
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const declaration = symbol.valueDeclaration;
      if (declaration === undefined || !ts.isClassDeclaration(declaration) || !isOurs(declaration)) continue;
      if (errors.has(symbol) || !isError(checker.getDeclaredTypeOfSymbol(symbol))) continue;
      errors.set(symbol, describe(checker, symbol, declaration, from));
    }
  }
  return [...errors.values()];
}

function isOurs(declaration) {
  return !relative(lib, declaration.getSourceFile().fileName).startsWith('..');
}

function isError(type) {
  return (type.getBaseTypes() ?? []).some((base) => base.symbol?.name === 'Error' || isError(base));
}

function describe(checker, symbol, declaration, from) {
  const [, sentence = ''] =
    /^([^]*?[.!?])(?:\s|$)/.exec(plain(symbol.getDocumentationComment(checker))) ?? [];
  const remarks = symbol.getJsDocTags(checker).find(({ name }) => name === 'remarks');
  const whatToDo = plain(remarks?.text);
  if (sentence === '' || whatToDo === '')
    throw new Error(
      `${symbol.name} lacks a sentence in its TSDoc that says what happened, or the @remarks with what to do.`,
    );
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  const properties = checker
    .getPropertiesOfType(type)
    .filter((property) => isDocumented(property))
    .map((property) => ({
      name: property.name,
      type: checker.typeToString(checker.getTypeOfSymbolAtLocation(property, declaration)),
      text: plain(property.getDocumentationComment(checker)),
    }));
  return {
    name: symbol.name,
    from,
    file: relative(lib, declaration.getSourceFile().fileName).replaceAll('\\', '/'),
    base: publicBase(checker, type).name,
    sentence,
    whatToDo,
    properties,
  };
}

/** The symbol of the nearest base class that users can name. */
function publicBase(checker, type) {
  const [base] = checker.getBaseTypes(type);
  const { valueDeclaration: declaration } = base.symbol;
  const isHidden =
    isOurs(declaration) && !(ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Export);
  return isHidden ? publicBase(checker, base) : base.symbol;
}

/** Whether a member is a public property that this library declares. */
function isDocumented({ name, valueDeclaration, flags }) {
  if (valueDeclaration === undefined || !isOurs(valueDeclaration) || !(flags & ts.SymbolFlags.Property))
    return false;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return name !== 'name' && !(ts.getCombinedModifierFlags(valueDeclaration) & hidden);
}

/** The text of a comment in one line, with links as code. */
function plain(parts) {
  return ts
    .displayPartsToString(parts)
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/\bdocs\/([\w-]+\.md)\b/g, '[$1]($1)')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function render(errors) {
  const sections = AREAS.map(([title, files]) => ({
    heading: `## ${String(title)}`,
    errors: errors.filter(({ file }) => files.includes(file)).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  }));
  const placed = new Set(sections.flatMap((section) => section.errors));
  const without = errors.filter((error) => !placed.has(error));
  if (without.length > 0)
    throw new Error(`Name an area for ${without.map(({ name, file }) => `${name} (${file})`).join(', ')}.`);
  return [
    '<!-- Generated by `npm run docs:errors` from the TSDoc of the errors. Change the TSDoc, not this page. -->',
    '# Index of errors',
    'Every error that the package exports, by area: what happened, what to do, and the properties that have the values',
    'of its message. [Errors](errors.md) explains which errors a call can throw, and how to recognize them.',
    '',
    'Unless an error says otherwise, it extends `JetStreamError` and is exported by `nestjs-nats-jetstream`.',
    ...sections.flatMap((section) => ['', section.heading, ...section.errors.flatMap(renderError)]),
  ].join('\n');
}

function renderError({ name, from, base, sentence, whatToDo, properties }) {
  const origin = [
    base === 'JetStreamError' ? '' : `Extends \`${base}\`.`,
    from === 'nestjs-nats-jetstream' ? '' : `Exported by \`${from}\`.`,
  ];
  return [
    '',
    `### ${name}`,
    '',
    [sentence, ...origin].filter((words) => words !== '').join(' '),
    '',
    `**What to do:** ${whatToDo}`,
    '',
    ...properties.map((property) => `- \`${property.name}\`: \`${property.type}\`${lead(property.text)}`),
  ];
}

/** The text of a property behind its type, which begins in lower case unless its first word is code or a name. */
function lead(words) {
  if (words === '') return '';
  const first = /^[A-Z][a-z ]/.test(words) ? words[0].toLowerCase() + words.slice(1) : words;
  return `, ${first.replace(/\.$/, '')}`;
}
