import type * as ClassTransformer from 'class-transformer';
import type * as ClassValidator from 'class-validator';
import { InvalidArgumentError, PackageNotInstalledError } from '../errors/index.js';
import { isInstance } from '../reporting/index.js';
import type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.js';

/** A class with decorators of class-validator. */
export type PayloadClass<Payload extends object = object> = new (...args: never[]) => Payload;

/** The packages that are needed to validate with a class. */
interface Packages {
  readonly validator: typeof ClassValidator;
  readonly transformer: typeof ClassTransformer;
}

/**
 * A class as a Standard Schema: a payload is converted to an instance by class-transformer and validated by
 * class-validator. Both packages are optional and are loaded when they are needed.
 */
export class ClassSchema implements StandardSchema {
  readonly '~standard': StandardSchema['~standard'] = {
    version: 1,
    vendor: 'class-validator',
    validate: (value) => this.validate(value),
  };
  private packages: Promise<Packages> | undefined;

  constructor(readonly type: PayloadClass) {}

  /**
   * Loads the packages, and checks that the class has decorators.
   *
   * @throws {@link PackageNotInstalledError}, {@link InvalidArgumentError}
   */
  async load(): Promise<void> {
    const { validator } = await this.loaded();
    const storage = validator.getMetadataStorage();
    if (storage.getTargetValidationMetadatas(this.type, '', false, false).length > 0) return;
    throw new InvalidArgumentError(
      'schema',
      `the class ${this.type.name} has no decorators of class-validator, so every payload would be refused. ` +
        'Decorate its properties, or use a Standard Schema',
    );
  }

  private async validate(value: unknown): Promise<StandardResult<unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { issues: [{ message: `it must be an object with the properties of ${this.type.name}` }] };
    }
    const { validator, transformer } = await this.loaded();
    // class-transformer creates the instance without arguments, as it always does.
    const type = this.type as new () => object;
    let instance: object;
    try {
      instance = isInstance(value, type) ? value : transformer.plainToInstance(type, copyOf(value));
    } catch (error) {
      if (!isInstance(error, RangeError)) throw error;
      return { issues: [{ message: 'it contains itself, or is nested too deeply' }] };
    }
    const errors = await validator.validate(instance);
    return errors.length > 0
      ? { issues: errors.flatMap((error) => issuesOf(error, [])) }
      : { value: instance };
  }

  private loaded(): Promise<Packages> {
    this.packages ??= load(this.type.name);
    return this.packages;
  }
}

/**
 * A copy of plain objects and lists, whose other values are shared. class-transformer removes the discriminators of `@Type`
 * from what it converts, and a payload that is published must keep them.
 */
function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, copyOf(each as unknown)]),
  ) as T;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

async function load(type: string): Promise<Packages> {
  const [validator, transformer] = await Promise.all([
    import('class-validator').catch(missing('class-validator', type)),
    import('class-transformer').catch(missing('class-transformer', type)),
  ]);
  return { validator, transformer };
}

function missing(name: string, type: string): (cause: unknown) => never {
  return (cause) => {
    throw new PackageNotInstalledError(
      name,
      `The class ${type} as the schema of a message`,
      'use a Standard Schema, such as that of zod',
      { cause },
    );
  };
}

/** The texts of class-validator begin with the name of the property, so the path ends before it. */
function issuesOf(
  { property, constraints, children }: ClassValidator.ValidationError,
  path: readonly string[],
): StandardIssue[] {
  const own = Object.values(constraints ?? {}).map((message): StandardIssue => ({ message, path }));
  return [...own, ...(children ?? []).flatMap((child) => issuesOf(child, [...path, property]))];
}
