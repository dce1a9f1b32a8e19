#!/usr/bin/env node
// The commands of the package. It is an ES module, because only these can import applications of both kinds.
const args = process.argv.slice(2);
if (args[0] === 'board') await board();
else await asyncApi();

/** Serves the board until the user ends it. */
async function board() {
  const { default: command } = await import('../dist/cjs/board/command/index.js');
  const ended = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
  });
  const code = await command.runBoard(args.slice(1), {
    env: process.env,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    ended,
  });
  process.exit(code);
}

/** Writes the AsyncAPI document of an application. */
async function asyncApi() {
  const { default: command } = await import('../dist/cjs/asyncapi/command/index.js');
  // What the application prints must not become part of the document.
  const toOutput = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  const output = [];
  const code = await command.runCommand(args, {
    load: (url) => import(url),
    out: (text) => output.push(text),
    err: (text) => process.stderr.write(text),
  });
  // The application may have left timers and connections to other services.
  toOutput(output.join(''), () => process.exit(code));
}
