import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { repository } from './packed-package.js';
import { runCommand } from './run-command.js';

const PACKAGE = 'nestjs-nats-jetstream';

/** The strictest compiler settings that users have. */
const STRICTEST: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  module: ts.ModuleKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
  experimentalDecorators: true,
  noEmit: true,
};

/** The packed package, installed as in an application, next to all other packages of this repository. */
export async function installPacked(tarball: string, folder: string): Promise<void> {
  const installed = join(repository, 'node_modules');
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, PACKAGE), { recursive: true });
  await runCommand('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(modules, PACKAGE)], folder);
  const others = (await readdir(installed)).filter((name) => name !== PACKAGE && !name.startsWith('.'));
  await Promise.all(others.map((name) => symlink(join(installed, name), join(modules, name))));
}

/**
 * Compiles `strict-consumer.ts` as an ES module and as CommonJS, and `strict-matchers.ts` as an ES module, in a folder that has
 * the package installed.
 */
export async function compileStrictly(folder: string): Promise<ts.Program> {
  const source = fileURLToPath(new URL('strict-consumer.ts', import.meta.url));
  const files = ['consumer.mts', 'consumer.cts'].map((name) => join(folder, name));
  await Promise.all(files.map((file) => cp(source, file)));
  const matchers = join(folder, 'matchers.mts');
  await cp(fileURLToPath(new URL('strict-matchers.ts', import.meta.url)), matchers);
  return ts.createProgram([...files, matchers], {
    ...STRICTEST,
    typeRoots: [join(repository, 'node_modules/@types')],
  });
}

/** The errors in the consumers and in the declarations of this package. Errors in other packages are ignored. */
export function problemsOf(program: ts.Program): string[] {
  const ours = (file: ts.SourceFile): boolean =>
    !file.fileName.includes('/node_modules/') || file.fileName.includes(`/node_modules/${PACKAGE}/`);
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file === undefined || ours(file))
    .map((problem) => {
      const text = ts.flattenDiagnosticMessageText(problem.messageText, '\n');
      return `${problem.file?.fileName ?? ''}:${problem.start ?? ''} ${text}`;
    });
}

/** The names under which a program's consumers import this package. */
export function importsOf(program: ts.Program, file: string): string[] {
  return importsIn(program, file).map(({ moduleSpecifier }) => (moduleSpecifier as ts.StringLiteral).text);
}

/**
 * The optional members of all options, and whether they accept `undefined`. Options are the parameters of the exported
 * functions, decorators, constructors and methods, with all types that they contain, and the types given by name, which
 * users pass through functions of Nest.
 */
export function optionalMembersOf(
  program: ts.Program,
  named: readonly string[],
): ReadonlyMap<string, boolean> {
  const walk = new OptionsWalk(program.getTypeChecker());
  for (const { moduleSpecifier } of importsIn(program, 'consumer.mts'))
    walk.visitModule(moduleSpecifier, named);
  return walk.members;
}

function importsIn(program: ts.Program, name: string): ts.ImportDeclaration[] {
  const file = program.getSourceFiles().find(({ fileName }) => fileName.endsWith(`/${name}`));
  return [...(file?.statements ?? [])]
    .filter(ts.isImportDeclaration)
    .filter(({ moduleSpecifier }) => (moduleSpecifier as ts.StringLiteral).text.startsWith(PACKAGE));
}

/** The side that provides a value: the user for options and results of callbacks, otherwise the library. */
type Origin = 'user' | 'library';

/** Goes through all types that can be reached from a module. */
class OptionsWalk {
  readonly members = new Map<string, boolean>();
  private readonly seen = { user: new Set<ts.Type>(), library: new Set<ts.Type>() };

  constructor(private readonly checker: ts.TypeChecker) {}

  visitModule(specifier: ts.Node, named: readonly string[]): void {
    const { checker } = this;
    const module = checker.getSymbolAtLocation(specifier);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (!declarationsOf(symbol).length) continue;
      if (symbol.flags & ts.SymbolFlags.Value) this.visit(checker.getTypeOfSymbol(symbol), 'library');
      if (symbol.flags & ts.SymbolFlags.Class) this.visit(checker.getDeclaredTypeOfSymbol(symbol), 'library');
      if (named.includes(symbol.name)) this.visit(checker.getDeclaredTypeOfSymbol(symbol), 'user');
    }
  }

  private visit(type: ts.Type, origin: Origin): void {
    // Instances of the library's classes are always created by the library.
    const from = type.isClass() && declarationsOf(type.symbol).length ? 'library' : origin;
    if (this.seen[from].has(type)) return;
    this.seen[from].add(type);
    if (type.isUnionOrIntersection()) for (const part of type.types) this.visit(part, from);
    const constraint = type.isTypeParameter() ? this.checker.getBaseConstraintOfType(type) : undefined;
    if (constraint) this.visit(constraint, from);
    for (const argument of this.argumentsOf(type)) this.visit(argument, from);
    for (const property of this.checker.getPropertiesOfType(type)) this.visitProperty(property, from);
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      if (!signature.declaration || !isOurs(signature.declaration) || isHidden(signature.declaration))
        continue;
      const other = from === 'user' ? 'library' : 'user';
      for (const parameter of signature.parameters)
        this.visit(this.checker.getTypeOfSymbol(parameter), other);
      this.visit(signature.getReturnType(), from);
    }
  }

  private visitProperty(property: ts.Symbol, origin: Origin): void {
    const declarations = declarationsOf(property);
    if (declarations.length === 0 || declarations.some(isHidden)) return;
    if (origin === 'user') {
      for (const declaration of declarations.filter(ts.isPropertySignature)) {
        if (declaration.questionToken)
          this.members.set(nameOf(declaration), takesUndefined(declaration.type));
      }
    }
    this.visit(this.checker.getTypeOfSymbol(property), origin);
  }

  private argumentsOf(type: ts.Type): readonly ts.Type[] {
    const isReference = (type as ts.ObjectType).objectFlags & ts.ObjectFlags.Reference;
    const own = isReference ? this.checker.getTypeArguments(type as ts.TypeReference) : [];
    return [...own, ...(type.aliasTypeArguments ?? [])];
  }
}

function declarationsOf(symbol: ts.Symbol): ts.Declaration[] {
  return (symbol.declarations ?? []).filter(isOurs);
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.includes(`/node_modules/${PACKAGE}/`);
}

function isHidden(declaration: ts.Declaration): boolean {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (ts.getCombinedModifierFlags(declaration) & hidden) !== 0;
}

function takesUndefined(type: ts.TypeNode | undefined): boolean {
  const parts = type && ts.isUnionTypeNode(type) ? type.types : [type];
  return parts.some(
    (part) => part?.kind === ts.SyntaxKind.UndefinedKeyword || part?.kind === ts.SyntaxKind.UnknownKeyword,
  );
}

function nameOf(property: ts.PropertySignature): string {
  const owner = ts.findAncestor(
    property.parent,
    (node) =>
      ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isMethodDeclaration(node),
  ) as ts.NamedDeclaration | undefined;
  return `${owner?.name?.getText() ?? '(anonymous)'}.${property.name.getText()}`;
}
