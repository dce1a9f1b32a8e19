// Loaded into every Node process that a test starts; see setup.ts. It changes nothing in the process.
import { appendFileSync } from 'node:fs';

process.on('uncaughtExceptionMonitor', (error, origin) => {
  try {
    appendFileSync(
      process.env.UNHANDLED_ERRORS_FILE,
      `pid ${process.pid}, ${origin}: ${error?.stack ?? error}\n`,
    );
  } catch {
    // The test has ended and its folder was deleted.
  }
});
