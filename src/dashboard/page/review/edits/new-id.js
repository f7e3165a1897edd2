/** Returns a new UUID. `crypto.randomUUID` is only there with TLS and on this machine. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  // Version 4 of RFC 9562.
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [0, 8, 12, 16, 20].map((from, i, all) => hex.slice(from, all[i + 1])).join("-");
}
