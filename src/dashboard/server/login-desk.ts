import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal, readJson, sendJson } from "./answers.ts";
import type { Role, Sessions } from "./sessions.ts";

/** Lets people in and out, by a cookie. */
export class LoginDesk {
  readonly #sessions: Sessions;
  /** Cookies do not know ports: two servers of a machine must not end each other's sessions. */
  readonly #cookieName: string;

  constructor(sessions: Sessions, port: number) {
    this.#sessions = sessions;
    this.#cookieName = `orangery_${port}`;
  }

  /** What the sender of a request may do; undefined where nothing. */
  roleOf(request: IncomingMessage): Role | undefined {
    return this.#sessions.roleOf(this.#tokenOf(request));
  }

  /** @throws `Refusal` for a wrong password */
  async logIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { password } = await readJson(request);
    if (typeof password !== "string") throw new Refusal(400, "Expected a password.");
    const login = await this.#sessions.logIn(password, request.socket.remoteAddress ?? "");
    if ("refused" in login) {
      if (login.refused === "wrong") throw new Refusal(401, "The password is wrong.");
      throw new Refusal(429, "Too many wrong passwords. Wait a minute.");
    }
    response.setHeader("set-cookie", this.#cookie(request, login.token, login.maxAgeS));
    sendJson(response, {});
  }

  logOut(request: IncomingMessage, response: ServerResponse): void {
    this.#sessions.logOut(this.#tokenOf(request));
    response.setHeader("set-cookie", this.#cookie(request, "", 0));
    sendJson(response, {});
  }

  #cookie({ headers }: IncomingMessage, value: string, maxAgeS: number): string {
    const isSecure = headers["x-forwarded-proto"] === "https";
    return (
      `${this.#cookieName}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${maxAgeS}` +
      `${isSecure ? "; Secure" : ""}`
    );
  }

  #tokenOf({ headers }: IncomingMessage): string | undefined {
    const start = `${this.#cookieName}=`;
    const cookies = headers.cookie?.split(/; */) ?? [];
    return cookies.find((cookie) => cookie.startsWith(start))?.slice(start.length);
  }
}
