// Writes a report of each entry's public API to api/<entry>.api.md, from the built declarations. With `--check` it
// compares them with the existing reports instead, and fails if they differ.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const require = createRequire(import.meta.url);
// The entry for Jest extends the global of a test.
globalThis.expect = { extend: () => undefined };
const REPORTS = 'api';
const ROOT = 'root';
const isCheck = process.argv.includes('--check');

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const temporary = mkdtempSync(join(tmpdir(), 'api-report-'));
process.on('exit', () => rmSync(temporary, { recursive: true }));
const configs = Object.entries(exports)
  .filter(([, entry]) => entry.require !== undefined)
  .map(([path, entry]) => configOf(path === '.' ? ROOT : path.slice(2).replace('/', '-'), entry.require));
// All entries are read by one program.
const compilerState = CompilerState.create(configs[0].config, {
  additionalEntryPoints: configs.map(({ config }) => config.mainEntryPointFilePath),
});
const different = [];
if (!isCheck) {
  rmSync(REPORTS, { recursive: true, force: true });
  mkdirSync(REPORTS);
}
for (const { file, config, library } of configs) {
  const report = reportOf(file, config, library);
  const target = join(REPORTS, file);
  if (!isCheck) writeFileSync(target, report);
  else if (contentOf(target) !== report) different.push(target);
}
if (different.length > 0) {
  console.error(
    `The public API differs from ${different.join(', ')}. If the change is intended, run "npm run api" after a build, and ` +
      'commit the reports.',
  );
  process.exitCode = 1;
}

function configOf(name, entry) {
  const file = `${name}.api.md`;
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: resolve('package.json'),
    configObject: {
      projectFolder: resolve('.'),
      mainEntryPointFilePath: resolve(entry.types),
      compiler: { tsconfigFilePath: resolve('tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: file,
        reportFolder: temporary,
        reportTempFolder: temporary,
        // Users see the members of types that are not exported, such as common base classes. All entries use types of the
        // root, so these are only in the report of the root.
        includeForgottenExports: name === ROOT,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
    },
  });
  return { file, config, library: require(resolve(entry.default)) };
}

/** The report of one entry, with the number of its exports. */
function reportOf(file, config, library) {
  const errors = [];
  Extractor.invoke(config, {
    localBuild: true,
    compilerState,
    messageCallback: (message) => {
      // Findings about comments are in the report, or belong to the tests.
      if (message.logLevel === ExtractorLogLevel.Error) errors.push(message.text);
      message.handled = true;
    },
  });
  if (errors.length > 0) throw new Error(`${file}: ${errors.join('; ')}`);
  const report = readFileSync(join(temporary, file), 'utf8');
  return report.replace('\n\n', `\n\n${countOf(report, library)}\n\n`);
}

/** The number of names that an entry exports itself. A class that is exported as a type is one. */
function countOf(report, library) {
  const exported = [
    ...report.matchAll(/^export (?:abstract )?(?:class|const|function|interface|type) (\w+)/gm),
  ];
  const names = [...new Set(exported.map(([, name]) => name))];
  const values = names.filter((name) => Object.hasOwn(library, name)).length;
  return `Exports: ${values} values, ${names.length - values} types.`;
}

function contentOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
