/** Money that is paid into an account or out of it. */
export interface Movement {
  readonly account: string;
  /** The number of this movement within its account, from 1. */
  readonly number: number;
  readonly amount: number;
}
