/** How a Celery task was called. */
export interface CeleryCall {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/**
 * Makes a payload from a call's arguments: an object with the named parameters, as Python would
 * bind them, or, without names, the one positional argument or else the keyword arguments. Throws
 * an error that says what does not fit.
 */
export function bindArguments(
  { args, kwargs }: CeleryCall,
  parameters: readonly string[] | undefined,
): unknown {
  if (parameters === undefined) {
    if (args.length === 0) return kwargs;
    if (args.length === 1 && Object.keys(kwargs).length === 0) return args[0];
    throw new Error(
      `${args.length} positional arguments and ${Object.keys(kwargs).length} keyword arguments ` +
        "for a task without `parameters`, which takes one of either kind",
    );
  }
  if (args.length > parameters.length) {
    throw new Error(
      `takes ${parameters.length} positional arguments but ${args.length} were given`,
    );
  }
  const payload: Record<string, unknown> = {};
  for (const [index, value] of args.entries()) payload[parameters[index]!] = value;
  for (const [name, value] of Object.entries(kwargs)) {
    if (Object.hasOwn(payload, name)) throw new Error(`got multiple values for argument '${name}'`);
    if (!parameters.includes(name)) throw new Error(`got an unexpected keyword argument '${name}'`);
    payload[name] = value;
  }
  return payload;
}
