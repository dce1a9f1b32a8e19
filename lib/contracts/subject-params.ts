/** The parameters of a subject without any. */
export type NoParams = Readonly<Record<string, never>>;

/**
 * The parameters of a subject: one for each token that begins with a colon, and `rest` for a last `>`. For
 * `orders.:id.placed` they are `{ readonly id: string }`.
 */
export type SubjectParams<Subject extends string> = string extends Subject
  ? Readonly<Record<string, string>>
  : [ParamName<Subject>] extends [never]
    ? NoParams
    : { readonly [Name in ParamName<Subject>]: string };

/** The name that follows from a subject: `orders.id.placed` for `orders.:id.placed`. */
export type SubjectName<Subject extends string> = string extends Subject
  ? string
  : Subject extends `${infer First}.${infer Rest}`
    ? `${PlainToken<First>}.${SubjectName<Rest>}`
    : PlainToken<Subject>;

/** A subject with a wildcard for each parameter: `orders.*.placed` for `orders.:id.placed`. */
export type SubjectFilter<Subject extends string> = string extends Subject
  ? string
  : Subject extends `${infer First}.${infer Rest}`
    ? `${WildToken<First>}.${SubjectFilter<Rest>}`
    : WildToken<Subject>;

type WildToken<Token extends string> = Token extends `:${string}` ? '*' : Token;

type ParamName<Subject extends string> = ParamOfToken<TokenOf<Subject>>;

type TokenOf<Subject extends string> = Subject extends `${infer First}.${infer Rest}`
  ? First | TokenOf<Rest>
  : Subject;

type ParamOfToken<Token extends string> = Token extends `:${infer Name}`
  ? Name
  : Token extends '>'
    ? 'rest'
    : never;

type PlainToken<Token extends string> = Token extends `:${infer Name}`
  ? Name
  : Token extends '>'
    ? 'rest'
    : Token;
