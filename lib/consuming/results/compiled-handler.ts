/** A handler ready to be called: returns what the method returns, throws what it throws. */
export type CompiledHandler<Input> = (input: Input) => unknown;
