// The snippets of docs/testing.md are tests themselves.
await import('../../docs/snippets/testing-application.js');
await import('../../docs/snippets/testing.js');
await import('../../docs/snippets/testing-kit.js');
await import('../../docs/snippets/testing-contracts.js');
await import('../../docs/snippets/testing-unit.js');
