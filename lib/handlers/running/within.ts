/** Waits for a promise, but no longer than so many milliseconds. */
export async function within(timeout: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeout)));
  await Promise.race([promise, timedOut]);
  clearTimeout(timer);
}
