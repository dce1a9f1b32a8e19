#!/usr/bin/env node
// The command of the package. It is an ES module, because only these can import applications of both kinds.
import command from '../dist/cjs/asyncapi/command/index.js';

// What the application prints must not become part of the document.
const toOutput = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const output = [];
const code = await command.runCommand(process.argv.slice(2), {
  load: (url) => import(url),
  out: (text) => output.push(text),
  err: (text) => process.stderr.write(text),
});
// The application may have left timers and connections to other services.
toOutput(output.join(''), () => process.exit(code));
