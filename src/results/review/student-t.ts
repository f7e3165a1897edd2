/** 0.975 quantile of the normal distribution. */
export const normalQuantile = 1.959964;

/**
 * Returns the 0.975 quantile of Student's t for any number of degrees of freedom from 1 up: 95 % of
 * its values are nearer to 0. By Hill (1970), Algorithm 396, Communications of the ACM 13; the
 * error is at most 0.3 percentage points, below 2 degrees of freedom.
 */
export function studentQuantile(degreesOfFreedom: number): number {
  const tails = 0.05;
  if (degreesOfFreedom <= 1) return 1 / Math.tan((tails * Math.PI) / 2);
  if (degreesOfFreedom === 2) return Math.sqrt(2 / (tails * (2 - tails)) - 2);
  const n = degreesOfFreedom;
  const a = 1 / (n - 0.5);
  const b = (48 / a) * (1 / a);
  let c = (((20_700 * a) / b - 98) * a - 16) * a + 96.36;
  const d = ((94.5 / (b + c) - 3) / b + 1) * Math.sqrt((a * Math.PI) / 2) * n;
  let y = (d * tails) ** (2 / n);
  if (y > 0.05 + a) {
    const x = -normalQuantile;
    y = x * x;
    if (n < 5) c += 0.3 * (n - 4.5) * (x + 0.6);
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c;
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x;
    y = a * y * y;
    y = y > 0.002 ? Math.expm1(y) : 0.5 * y * y + y;
  } else {
    const inner = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4);
    y = ((inner * y - 1) * (n + 1)) / (n + 2) + 1 / y;
  }
  return Math.sqrt(n * y);
}
