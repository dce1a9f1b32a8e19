import type { JetStreamService } from '../jetstream/index.js';
import { type Deadline, Timer } from '../timing/index.js';

/** How long an answer is used again, in milliseconds. */
const KEPT_FOR = 1_000;

/** How long a request to the server may take, in milliseconds. Checks may wait less. */
export const REQUEST_TIMEOUT = 5_000;

/** The answer of the server to a check; `late` if there was none in time. */
export type Answer<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'late' };

/**
 * The answers of the server, shared by all checks: concurrent checks wait for one request, and an answer is used again
 * for a second. A failed request is not used again. So probes cannot overload a server, even if it does not answer.
 */
export class SharedAnswers {
  /** By connection: two connections may have the same name. */
  private readonly answers = new WeakMap<JetStreamService, Map<string, Promise<unknown>>>();

  /**
   * Waits for an answer until the deadline. Never rejects.
   *
   * @param question identifies the request on its connection
   */
  async get<T>(
    jetstream: JetStreamService,
    question: string,
    ask: () => Promise<T>,
    deadline: Deadline,
  ): Promise<Answer<T>> {
    let answer: Answer<T> = { kind: 'late' };
    const answers = this.answersOf(jetstream);
    const asked = (answers.get(question) as Promise<T> | undefined) ?? request(answers, question, ask);
    const read = asked.then(
      (value) => (answer = { kind: 'answer', value }),
      (error: unknown) => (answer = { kind: 'error', error }),
    );
    await deadline.wait(read);
    return answer;
  }

  private answersOf(jetstream: JetStreamService): Map<string, Promise<unknown>> {
    const known = this.answers.get(jetstream) ?? new Map<string, Promise<unknown>>();
    this.answers.set(jetstream, known);
    return known;
  }
}

function request<T>(
  answers: Map<string, Promise<unknown>>,
  question: string,
  ask: () => Promise<T>,
): Promise<T> {
  const asked = ask();
  answers.set(question, asked);
  const forget = (): void => {
    answers.delete(question);
  };
  asked.then(() => new Timer(KEPT_FOR, forget, { keepsAlive: false }), forget);
  return asked;
}
