// Builds the package as CommonJS, and ES module entries that re-export it. A process therefore has one implementation,
// even if an application mixes both module systems: class tokens and `instanceof` agree.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

const require = createRequire(import.meta.url);
rmSync('dist', { recursive: true, force: true });
if (!compile('tsconfig.build.json')) process.exit(1);
// The package is `"type": "module"`; this marks the tree as CommonJS.
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n');

// The entry for Jest extends the global of a test.
globalThis.expect = { extend: () => undefined };
const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const entry of Object.values(exports)) {
  if (entry.import === undefined) continue;
  if (entry.require !== undefined) writeModuleEntry(entry.import, entry.require);
  else writeModule(entry.import);
}

/** Compiles a project and prints its errors; returns whether it has none. */
function compile(project) {
  const { config } = ts.readConfigFile(project, (path) => ts.sys.readFile(path));
  const { fileNames, options, errors } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const program = ts.createProgram(fileNames, options);
  const { diagnostics } = program.emit(undefined, undefined, undefined, false, {
    afterDeclarations: [closeInternalConstructors],
  });
  const problems = ts.sortAndDeduplicateDiagnostics([
    ...errors,
    ...ts.getPreEmitDiagnostics(program),
    ...diagnostics,
  ]);
  process.stderr.write(
    ts.formatDiagnostics(problems, {
      getCurrentDirectory: () => ts.sys.getCurrentDirectory(),
      getCanonicalFileName: (name) => name,
      getNewLine: () => '\n',
    }),
  );
  return problems.length === 0;
}

/**
 * Declares constructors that are `@internal` with a parameter that no caller can provide. Without a declaration, a class
 * would have a public constructor without parameters. A private constructor would not be a `Type<T>` for Nest, so
 * `app.get(JetStreamService)` would return `any`.
 */
function closeInternalConstructors(context) {
  const { factory } = context;
  const visit = (node) => {
    if (!ts.isClassDeclaration(node)) return ts.visitEachChild(node, visit, context);
    const { members } = ts.getOriginalNode(node);
    if (!members.some((member) => ts.isConstructorDeclaration(member) && isInternal(member))) return node;
    const never = factory.createKeywordTypeNode(ts.SyntaxKind.NeverKeyword);
    const parameter = factory.createParameterDeclaration(undefined, undefined, 'internal', undefined, never);
    const constructor = factory.createConstructorDeclaration(undefined, [parameter], undefined);
    ts.addSyntheticLeadingComment(
      constructor,
      ts.SyntaxKind.MultiLineCommentTrivia,
      '* Only the library creates instances of this class. ',
      true,
    );
    return factory.updateClassDeclaration(
      node,
      node.modifiers,
      node.name,
      node.typeParameters,
      node.heritageClauses,
      [...node.members, constructor],
    );
  };
  return (file) => ts.visitEachChild(file, visit, context);
}

function isInternal(node) {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
}

/** Names every export, because the static analysis of CommonJS misses some of them in some loaders. */
function writeModuleEntry(target, source) {
  const from = (file, to) => relative(dirname(file), to).replaceAll('\\', '/');
  const library = require(`../${source.default}`);
  const names = Object.keys(library).filter((name) => name !== 'default');
  mkdirSync(dirname(target.default), { recursive: true });
  writeFileSync(
    target.default,
    `import library from '${from(target.default, source.default)}';\n\n` +
      `export const {\n${names.map((name) => `  ${name},\n`).join('')}} = library;\n`,
  );
  writeFileSync(target.types, `export * from '${from(target.types, source.default)}';\n`);
}

/**
 * Writes an entry that exists as an ES module only, because its peer can only be imported. It imports the rest of the
 * library from the CommonJS build.
 */
function writeModule(target) {
  const built = target.types.replace('/esm/', '/cjs/');
  const source = built.replace('./dist/cjs', './lib').replace(/\.d\.ts$/, '.ts');
  const toBuild = (text) =>
    text.replace(/from '(\..*?)'/g, (_, path) => {
      const file = join(dirname(built), path);
      return `from '${relative(dirname(target.types), file).replaceAll('\\', '/')}'`;
    });
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  mkdirSync(dirname(target.default), { recursive: true });
  writeFileSync(target.default, toBuild(outputText));
  writeFileSync(target.types, toBuild(readFileSync(built, 'utf8')));
  rmSync(dirname(built), { recursive: true });
}
