import type { INestApplication, INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { InvalidArgumentError, PackageNotInstalledError } from '../../../errors/index.js';
import type { TestKitOptions, TestModuleBuilder } from '../kit-options.js';

/**
 * The module builder of the options.
 *
 * @throws {@link InvalidArgumentError}, {@link PackageNotInstalledError}
 */
export async function moduleOf(options: TestKitOptions): Promise<TestModuleBuilder> {
  const { module, imports, controllers, providers, exports: exported } = options;
  if (module === undefined) {
    const testing = await loadTesting();
    return testing.createTestingModule({
      imports: imports ?? [],
      controllers: controllers ?? [],
      providers: providers ?? [],
      exports: exported ?? [],
    });
  }
  if ((imports ?? controllers ?? providers ?? exported) !== undefined) {
    throw new InvalidArgumentError(
      'module',
      'it cannot be combined with imports, controllers, providers and exports',
    );
  }
  return module;
}

/** An application that can listen for HTTP requests. */
export function createHttp(compiled: INestApplicationContext): INestApplication {
  const module = compiled as INestApplicationContext & {
    createNestApplication(options: object): INestApplication;
  };
  return module.createNestApplication({ forceCloseConnections: true });
}

interface Testing {
  createTestingModule(metadata: ModuleMetadata): TestModuleBuilder;
}

/** Loaded when it is needed, because it is optional. */
async function loadTesting(): Promise<Testing> {
  try {
    return (await import('@nestjs/testing')).Test;
  } catch (cause) {
    throw new PackageNotInstalledError(
      '@nestjs/testing',
      'JetStreamTestKit',
      'pass a module builder as the option module',
      { cause },
    );
  }
}
