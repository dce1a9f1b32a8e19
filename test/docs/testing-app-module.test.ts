// The snippet is a test file itself: it shows how a test points the AppModule of an application at its own server.
await import('../../docs/snippets/testing-app-module.js');
