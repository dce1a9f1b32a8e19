// The form for trying channels. It calls the endpoints below the page; the service checks everything again.

type Action = 'publish' | 'request' | 'dry-run' | 'messages';

interface Channel {
  readonly channel: string;
  readonly address: string;
  readonly params: readonly string[];
  readonly summary?: string;
  readonly contentType: string;
  readonly example?: unknown;
  readonly actions: readonly Action[];
}

const LABELS: Readonly<Record<Action, string>> = {
  publish: 'Publish',
  request: 'Send request',
  'dry-run': 'Dry run',
  messages: 'Last messages',
};

/** Shows the form, if the caller may try anything. */
export async function showTryIt(section: HTMLElement, base: string): Promise<void> {
  const response = await fetch(`${base}try-it.json`);
  if (!response.ok) return;
  const { channels } = (await response.json()) as { readonly channels: readonly Channel[] };
  if (channels.length === 0) return;
  section.append(new Form(base, channels).element);
  section.hidden = false;
}

class Form {
  readonly element = create('form', { className: 'try-it' });
  private readonly select = create('select', { id: 'try-channel' });
  private readonly summary = create('p', { className: 'summary' });
  private readonly params = create('div', { className: 'params' });
  private readonly payload = create('textarea', { id: 'try-payload', rows: 8, spellcheck: false });
  private readonly buttons = create('div', { className: 'buttons' });
  private readonly status = create('p', { id: 'try-status', role: 'status' });
  private readonly output = create('pre', { id: 'try-output', tabIndex: 0, hidden: true });

  constructor(
    private readonly base: string,
    private readonly channels: readonly Channel[],
  ) {
    this.output.setAttribute('aria-label', 'Result');
    this.select.append(
      ...channels.map(({ channel, address }) => create('option', { value: channel, textContent: address })),
    );
    this.select.addEventListener('change', () => this.choose());
    this.element.addEventListener('submit', (event) => event.preventDefault());
    this.element.append(
      create('h2', { textContent: 'Try it' }),
      field('Channel', this.select),
      this.summary,
      this.params,
      field('Payload (JSON)', this.payload),
      this.buttons,
      this.status,
      this.output,
    );
    this.choose();
  }

  private get channel(): Channel | undefined {
    return this.channels.find(({ channel }) => channel === this.select.value);
  }

  private choose(): void {
    const { channel } = this;
    if (channel === undefined) return;
    this.summary.textContent = channel.summary ?? '';
    this.params.replaceChildren(
      ...channel.params.map((name) =>
        field(name, create('input', { id: `try-param-${name}`, name, autocomplete: 'off' })),
      ),
    );
    this.payload.value = JSON.stringify(channel.example ?? {}, undefined, 2);
    this.buttons.replaceChildren(
      ...channel.actions.map((action) => {
        const button = create('button', { type: 'button', textContent: LABELS[action] });
        button.dataset.action = action;
        button.addEventListener('click', () => void this.act(channel, action));
        return button;
      }),
    );
    this.show('', undefined, false);
  }

  private async act(channel: Channel, action: Action): Promise<void> {
    const body = this.bodyOf(channel, action);
    if (body === undefined) return;
    this.setBusy(true);
    try {
      const response = await fetch(`${this.base}try-it/${action}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-jetstream-page': '1' },
        body: JSON.stringify(body),
      });
      const result: unknown = await response.json();
      const label = LABELS[action];
      if (response.ok) this.show(`${label}: done.`, result, false);
      else this.show(`${label}: ${messageOf(result) ?? `status ${response.status}`}`, undefined, true);
    } catch (error) {
      this.show(
        `The service cannot be reached: ${error instanceof Error ? error.message : 'unknown'}`,
        undefined,
        true,
      );
    } finally {
      this.setBusy(false);
    }
  }

  private bodyOf({ channel }: Channel, action: Action): object | undefined {
    if (action === 'messages') return { channel };
    const inputs = [...this.params.querySelectorAll('input')];
    const params = Object.fromEntries(inputs.map(({ name, value }) => [name, value]));
    try {
      return { channel, params, payload: JSON.parse(this.payload.value) as unknown };
    } catch (error) {
      this.show(`The payload is not JSON: ${error instanceof Error ? error.message : ''}`, undefined, true);
      this.payload.focus();
      return undefined;
    }
  }

  private setBusy(isBusy: boolean): void {
    this.element.setAttribute('aria-busy', String(isBusy));
    for (const button of this.buttons.querySelectorAll('button')) button.disabled = isBusy;
  }

  private show(status: string, result: unknown, isError: boolean): void {
    this.status.textContent = status;
    this.status.classList.toggle('error', isError);
    this.output.hidden = result === undefined;
    this.output.textContent = result === undefined ? '' : JSON.stringify(result, undefined, 2);
  }
}

/** The text of an error: of this page, or of a guard. */
function messageOf(result: unknown): string | undefined {
  const { error, message } = (result ?? {}) as {
    readonly error?: { readonly message?: unknown };
    readonly message?: unknown;
  };
  const text = error?.message ?? message;
  return typeof text === 'string' ? text : undefined;
}

function field(label: string, control: HTMLElement): HTMLElement {
  const element = create('label', { textContent: label });
  element.append(control);
  return element;
}

function create<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]>,
): HTMLElementTagNameMap[Name] {
  return Object.assign(document.createElement(name), properties);
}
