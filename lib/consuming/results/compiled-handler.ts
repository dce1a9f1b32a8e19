/** A compiled handler: it returns and throws the same as the method. */
export type CompiledHandler<Input> = (input: Input) => unknown;
