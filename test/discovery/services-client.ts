import { connect, type ServiceInfo, type ServiceStats } from 'nats';
import { answerSchemas } from './service-schemas.js';

type EndpointStats = NonNullable<ServiceStats['endpoints']>[number];
type Answers = { readonly ping: object; readonly info: ServiceInfo; readonly stats: ServiceStats };

/** Asks services with the official client for them; all answers must have the form of ADR-32. */
export class ServicesClient implements AsyncDisposable {
  private constructor(private readonly nc: Awaited<ReturnType<typeof connect>>) {}

  static async connect(servers: string): Promise<ServicesClient> {
    return new ServicesClient(await connect({ servers }));
  }

  async ask<Verb extends keyof Answers>(verb: Verb, name?: string, id?: string): Promise<Answers[Verb][]> {
    const client = this.nc.services.client();
    const answers: Answers[Verb][] = [];
    try {
      for await (const answer of await client[verb](name, id))
        answers.push(answer as unknown as Answers[Verb]);
    } catch (error) {
      if (!String(error).includes('503')) throw error;
    }
    for (const answer of answers) {
      const validate = answerSchemas[verb];
      if (!validate(answer))
        throw new Error(`${JSON.stringify(validate.errors)} in ${JSON.stringify(answer)}`);
    }
    return answers;
  }

  /** The figures of the endpoints with a name, of the only instance. */
  async stats(name: string, endpoint: string): Promise<EndpointStats[]> {
    const [{ endpoints = [] } = {}] = await this.ask('stats', name);
    return endpoints.filter((each) => each.name === endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nc.close();
  }
}
