import { hash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { OneAtATime } from "../../base/one-at-a-time.ts";

/** Who may change things, and who may only look. */
export type Role = "editor" | "viewer";

/** The passwords of a dashboard. Without any, all who reach it may do everything. */
export interface Passwords {
  readonly password?: string | undefined;
  /** For those who may only look. */
  readonly viewerPassword?: string | undefined;
}

interface KnownPassword {
  readonly role: Role;
  readonly salt: Buffer;
  readonly derived: Buffer;
}

interface Session {
  readonly role: Role;
  readonly endsAtMs: number;
}

const derive = promisify(scrypt) as (
  password: string,
  salt: Buffer,
  length: number,
  options: object,
) => Promise<Buffer>;

/** Some 50 ms and 32 MiB a try. */
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };
const keyBytes = 32;
const sessionMs = 12 * 3_600_000;
/** More are a mistake or an attack; the oldest go. */
const mostSessions = 1000;
/** Wrong passwords in a time, from one address and from all. */
const limits = { windowMs: 60_000, ofAddress: 5, ofAll: 30 };
const longestPassword = 1024;

/** How a login ended. */
export type Login =
  | { readonly token: string; readonly maxAgeS: number }
  | { readonly refused: "wrong" | "too many" };

/**
 * Knows who is logged in. Passwords are kept as scrypt hashes, tokens of sessions as SHA-256, both
 * in memory only: a restart ends all sessions.
 */
export class Sessions {
  readonly #passwords: readonly KnownPassword[];
  readonly #sessions = new Map<string, Session>();
  readonly #failures: { readonly address: string; readonly atMs: number }[] = [];
  readonly #turn = new OneAtATime();
  readonly #now: () => number;

  private constructor(passwords: readonly KnownPassword[], now: () => number) {
    this.#passwords = passwords;
    this.#now = now;
  }

  /** @param now A clock in ms. */
  static async create(
    { password, viewerPassword }: Passwords,
    now: () => number = Date.now,
  ): Promise<Sessions> {
    const known: KnownPassword[] = [];
    for (const [role, text] of [
      ["editor", password] as const,
      ["viewer", viewerPassword] as const,
    ]) {
      if (text === undefined) continue;
      const salt = randomBytes(16);
      known.push({ role, salt, derived: await derive(text, salt, keyBytes, cost) });
    }
    return new Sessions(known, now);
  }

  /** Whether anybody has to log in. */
  get isNeeded(): boolean {
    return this.#passwords.length > 0;
  }

  /** Checks a password, one at a time, and starts a session. */
  async logIn(password: string, address: string): Promise<Login> {
    if (this.#isLimited(address)) return { refused: "too many" };
    // Counted before the check, so that concurrent attempts cannot exceed the limit.
    const attempt = { address, atMs: this.#now() };
    this.#failures.push(attempt);
    const role = await this.#turn.run(() => this.#roleOf(password.slice(0, longestPassword)));
    if (role === undefined) return { refused: "wrong" };
    const at = this.#failures.indexOf(attempt);
    if (at >= 0) this.#failures.splice(at, 1);
    const token = randomBytes(32).toString("base64url");
    this.#sessions.set(keyOf(token), { role, endsAtMs: this.#now() + sessionMs });
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size <= mostSessions) break;
      this.#sessions.delete(key);
    }
    return { token, maxAgeS: sessionMs / 1000 };
  }

  /** Returns what the bearer of a token may do; undefined where nothing. */
  roleOf(token: string | undefined): Role | undefined {
    if (!this.isNeeded) return "editor";
    if (token === undefined) return undefined;
    const session = this.#sessions.get(keyOf(token));
    if (session === undefined) return undefined;
    if (session.endsAtMs > this.#now()) return session.role;
    this.#sessions.delete(keyOf(token));
    return undefined;
  }

  logOut(token: string | undefined): void {
    if (token !== undefined) this.#sessions.delete(keyOf(token));
  }

  async #roleOf(password: string): Promise<Role | undefined> {
    let found: Role | undefined;
    // All are compared, so that the time does not reveal which one matches.
    for (const { role, salt, derived } of this.#passwords) {
      const isEqual = timingSafeEqual(await derive(password, salt, keyBytes, cost), derived);
      if (isEqual) found ??= role;
    }
    return found;
  }

  #isLimited(address: string): boolean {
    const since = this.#now() - limits.windowMs;
    while (this.#failures[0] !== undefined && this.#failures[0].atMs < since)
      this.#failures.shift();
    const ofAddress = this.#failures.filter((failure) => failure.address === address).length;
    return ofAddress >= limits.ofAddress || this.#failures.length >= limits.ofAll;
  }
}

function keyOf(token: string): string {
  return hash("sha256", token);
}
