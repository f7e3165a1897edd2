/** Options with their defaults filled in: none of `Names` is missing or undefined. */
export type Defined<Options, Names extends keyof Options = keyof Options> = {
  readonly [Name in Names]-?: Exclude<Options[Name], undefined>;
};
