import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** A name that users can write: an export of an entry, or a member of one. */
export interface PublicName {
  /** For example `KeyValue.get`. */
  readonly name: string;
  /** The name of the entry, such as `index` or `cache/index`. */
  readonly entry: string;
  readonly declaration: ts.Declaration;
  /** The exported class or interface, if this is a member. */
  readonly owner: ts.Symbol | undefined;
}

/** The public declarations of the package, read from its source. */
export class PublicDeclarations {
  readonly names: readonly PublicName[];
  private readonly exports = new Map<string, ReadonlyMap<string, ts.Symbol>>();

  private constructor(
    private readonly checker: ts.TypeChecker,
    program: ts.Program,
    entries: readonly string[],
  ) {
    for (const entry of entries) {
      const file = program.getSourceFile(`${repository}lib/${entry}.ts`);
      const module = file && checker.getSymbolAtLocation(file);
      const found = module ? checker.getExportsOfModule(module) : [];
      this.exports.set(entry, new Map(found.map((symbol) => [symbol.name, this.aliased(symbol)] as const)));
    }
    this.names = entries.flatMap((entry) => this.namesOf(entry));
  }

  static async read(): Promise<PublicDeclarations> {
    const { config } = ts.readConfigFile(`${repository}tsconfig.build.json`, (path) =>
      ts.sys.readFile(path),
    ) as {
      readonly config: object;
    };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, repository);
    const manifest = await readFile(`${repository}package.json`, 'utf8');
    const { exports } = JSON.parse(manifest) as { readonly exports: Readonly<Record<string, unknown>> };
    const entries = Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => (path === '.' ? 'index' : `${path.slice(2)}/index`));
    const program = ts.createProgram(
      entries.map((entry) => `${repository}lib/${entry}.ts`),
      options,
    );
    return new PublicDeclarations(program.getTypeChecker(), program, entries);
  }

  /** The names that the comment of a declaration links to, such as `KeyValue.get`. */
  linksOf({ declaration }: PublicName): string[] {
    // The compiler takes a link at the beginning of `@throws` for a type, so links are read from the text.
    return this.commentOf(declaration).flatMap((comment) =>
      [...comment.matchAll(/\{@link(?:code|plain)?\s+([\w.]+)/g)].map(([, link = '']) => link),
    );
  }

  /** Whether the comment of a declaration names errors, or says that there are none. */
  namesErrors({ declaration }: PublicName): boolean {
    return this.commentOf(declaration).some((comment) =>
      /@throws|never\s+(\* )?(rejects|throws)/i.test(comment),
    );
  }

  /** Whether a reference is an export of the root or of the entry, a member of one, or a member of the same owner. */
  resolves(link: string, { entry, owner, declaration }: PublicName): boolean {
    const [first = '', ...members] = link.split('.');
    const start = this.exports.get(entry)?.get(first) ?? this.exports.get('index')?.get(first) ?? undefined;
    if (start) return this.hasMember(start, members);
    const around =
      owner ?? this.checker.getSymbolAtLocation(ts.getNameOfDeclaration(declaration) ?? declaration);
    return around !== undefined && this.hasMember(around, [first, ...members]);
  }

  /** The signature of a method, function or accessor that users can call. */
  returnTypeOf({ declaration }: PublicName): string | undefined {
    const hasSignature =
      ts.isMethodDeclaration(declaration) ||
      ts.isFunctionDeclaration(declaration) ||
      ts.isMethodSignature(declaration);
    const signature = hasSignature ? this.checker.getSignatureFromDeclaration(declaration) : undefined;
    return signature && this.checker.typeToString(signature.getReturnType());
  }

  private commentOf(declaration: ts.Declaration): string[] {
    return ts.getJSDocCommentsAndTags(documented(declaration)).map((comment) => comment.getText());
  }

  /** Whether a function throws, itself or in a function of this package that it calls. */
  throws({ declaration }: PublicName): boolean {
    const called = ts.isVariableDeclaration(declaration) ? declaration.initializer : declaration;
    return called !== undefined && isCallable(called) && this.throwsIn(called, new Set());
  }

  private throwsIn(called: ts.Node, seen: Set<ts.Node>): boolean {
    seen.add(called);
    const visit = (node: ts.Node): boolean => {
      if (ts.isThrowStatement(node)) return true;
      if (ts.isTryStatement(node) && node.catchClause) return visit(node.catchClause.block);
      if (ts.isFunctionLike(node)) return false;
      if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
        const callee = this.checker.getResolvedSignature(node)?.declaration;
        if (
          callee &&
          !seen.has(callee) &&
          isOurs(callee) &&
          isCallable(callee) &&
          this.throwsIn(callee, seen)
        )
          return true;
      }
      return ts.forEachChild(node, visit) ?? false;
    };
    return ts.forEachChild(called, visit) ?? false;
  }

  private namesOf(entry: string): PublicName[] {
    return [...(this.exports.get(entry) ?? [])].flatMap(([name, symbol]) =>
      (symbol.declarations ?? []).filter(isOurs).flatMap((declaration): PublicName[] => [
        { name, entry, declaration, owner: undefined },
        ...membersOf(declaration)
          .filter((member) => !isHidden(member))
          .map((member) => ({
            name: `${name}.${ts.getNameOfDeclaration(member)?.getText() ?? 'constructor'}`,
            entry,
            declaration: member,
            owner: symbol,
          })),
      ]),
    );
  }

  private hasMember(owner: ts.Symbol, [first, ...rest]: readonly string[]): boolean {
    if (first === undefined) return true;
    const type = owner.flags & ts.SymbolFlags.Value ? this.checker.getTypeOfSymbol(owner) : undefined;
    const member = this.checker.getDeclaredTypeOfSymbol(owner).getProperty(first) ?? type?.getProperty(first);
    if (member?.declarations?.some(isHidden) ?? true) return false;
    return rest.length === 0;
  }

  private aliased(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol;
  }
}

function membersOf(declaration: ts.Declaration): readonly ts.Declaration[] {
  if (ts.isClassDeclaration(declaration)) {
    const properties = declaration.members
      .filter((member) => ts.isConstructorDeclaration(member))
      .flatMap(({ parameters }) =>
        parameters.filter((each) => ts.isParameterPropertyDeclaration(each, each.parent)),
      );
    return [...declaration.members, ...properties];
  }
  if (ts.isInterfaceDeclaration(declaration)) return declaration.members;
  return ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type)
    ? declaration.type.members
    : [];
}

/** The node that has the comment of a declaration: the statement of a constant. */
function documented(declaration: ts.Declaration): ts.Node {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
}

/** Whether it is a function that runs at once; the errors of an asynchronous one reject its promise. */
function isCallable(node: ts.Node): boolean {
  const flags = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
  const isAsync = flags.some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword);
  return ts.isFunctionLike(node) && !isAsync;
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.startsWith(`${repository}lib/`);
}

function isHidden(declaration: ts.Declaration): boolean {
  const flags = ts.getCombinedModifierFlags(declaration);
  const isPrivate = (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0;
  return isPrivate || ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal');
}
