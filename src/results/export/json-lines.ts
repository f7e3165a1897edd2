/** Returns a function that returns what comes before each item of a JSON list: a line for each. */
export function lineSeparator(): () => string {
  let isFirst = true;
  return () => {
    const separator = isFirst ? "\n" : ",\n";
    isFirst = false;
    return separator;
  };
}
