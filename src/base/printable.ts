/** Text out of a file, without what a terminal would act on. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, "�");
}
