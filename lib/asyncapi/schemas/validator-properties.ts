import type * as ClassValidator from 'class-validator';

type Metadata = ReturnType<
  ReturnType<typeof ClassValidator.getMetadataStorage>['getTargetValidationMetadatas']
>[number];

/** A decorator of class-validator with its arguments. */
export interface Validation {
  readonly name: string;
  readonly args: readonly unknown[];
  /** Whether it applies to each item of a list. */
  readonly each: boolean;
}

/** The decorators of class-validator on a property. */
export interface ValidatedProperty {
  readonly validations: readonly Validation[];
  /** Whether the property may be missing. */
  readonly optional: boolean;
  /** The type of the property, or of its items, as `@Type` of class-transformer declares it. */
  readonly nested: NestedType | undefined;
}

/** A type that `@Type` declares. */
export interface NestedType {
  readonly type: unknown;
  /** The property that selects one of several classes. */
  readonly discriminator?:
    | {
        readonly property: string;
        readonly subTypes: readonly { readonly value: unknown; readonly name: string }[];
      }
    | undefined;
}

/** The part of class-transformer's storage that is used; it is not exported by the package itself. */
interface TypeStorage {
  findTypeMetadata(
    target: unknown,
    property: string,
  ):
    | {
        readonly typeFunction?: ((help: object) => unknown) | undefined;
        readonly options?: Partial<Pick<NestedType, 'discriminator'>> | undefined;
      }
    | undefined;
}

/** The metadata of class-validator and class-transformer, which are optional. */
export class ValidatorMetadata {
  private loading: Promise<typeof ClassValidator | undefined> | undefined;
  private types: Promise<TypeStorage | undefined> | undefined;

  /** The decorated properties of a class by their names; empty without the package. */
  async propertiesOf(
    type: new (...args: never[]) => object,
  ): Promise<ReadonlyMap<string, ValidatedProperty>> {
    const validator = await (this.loading ??= import('class-validator').catch(() => undefined));
    if (validator === undefined) return new Map();
    const types = await (this.types ??= loadTypes());
    const all = validator.getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
    const byName = new Map<string, Metadata[]>();
    for (const each of all) byName.set(each.propertyName, [...(byName.get(each.propertyName) ?? []), each]);
    return new Map([...byName].map(([name, given]) => [name, read(type, name, given, types)]));
  }
}

function read(
  type: unknown,
  property: string,
  given: readonly Metadata[],
  types: TypeStorage | undefined,
): ValidatedProperty {
  return {
    // The storage returns the decorators of a property from the last to the first.
    validations: given
      .map((each) => ({
        name: each.name ?? each.type,
        args: (each.constraints ?? []) as readonly unknown[],
        each: each.each,
      }))
      .toReversed(),
    optional: given.some((each) => each.type === 'conditionalValidation'),
    nested: nestedOf(type, property, types),
  };
}

function nestedOf(type: unknown, property: string, types: TypeStorage | undefined): NestedType | undefined {
  const found = types?.findTypeMetadata(type, property);
  if (found === undefined) return undefined;
  // The function may choose the type by the object that is converted, and there is none here.
  const declared = found.typeFunction?.({ newObject: {}, object: {}, property });
  return { type: declared, discriminator: found.options?.discriminator };
}

async function loadTypes(): Promise<TypeStorage | undefined> {
  // A path inside of the package, which has no declarations there.
  const path: string = 'class-transformer/cjs/storage.js';
  try {
    const storage = (await import(path)) as { readonly defaultMetadataStorage?: TypeStorage };
    return storage.defaultMetadataStorage;
  } catch {
    return undefined;
  }
}
