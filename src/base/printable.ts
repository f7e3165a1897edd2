/** Text from a file, without control characters on which a terminal would act. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, "�");
}
