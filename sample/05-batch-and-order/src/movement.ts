/** Money that comes to an account, or goes from it. */
export interface Movement {
  readonly account: string;
  /** The place of this movement among those of the account, from 1. */
  readonly number: number;
  readonly amount: number;
}
