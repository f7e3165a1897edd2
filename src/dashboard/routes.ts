import type { IncomingMessage, ServerResponse } from "node:http";
import { readPhotoDetails } from "../ledger/browse/photo-details.ts";
import { type RecipeChoice, readRecipeChoices } from "../ledger/browse/progress.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { RecipeComparisons } from "./compare/compare-routes.ts";
import { answerManagement, applyManagementChange } from "./management/management-routes.ts";
import { answerPicture } from "./pictures/answer-picture.ts";
import type { PhotoPictures } from "./pictures/photo-pictures.ts";
import type { QueueRoom } from "./queue/queue-room.ts";
import { answerReview, changeReview } from "./review/review-routes.ts";
import { Refusal, readJson, send, sendJson } from "./server/answers.ts";
import { LoginDesk } from "./server/login-desk.ts";
import { pageFile } from "./server/page-files.ts";
import { isFromOwnPage, isOwnHost } from "./server/request-checks.ts";
import type { Role, Sessions } from "./server/sessions.ts";
import { LiveStreams } from "./views/live-streams.ts";
import type { MachineView } from "./views/machine-view.ts";
import { viewPhotoDetails } from "./views/photo-details-view.ts";
import { viewPhotoList } from "./views/photo-list.ts";

export interface RoutesOptions {
  /** Undefined for a queue without results. */
  readonly ledger?: Ledger | undefined;
  /** Records changes; without it nobody can change anything. */
  readonly changes?: Ledger | undefined;
  readonly queue?: QueueSource | undefined;
  readonly sessions: Sessions;
  readonly pictures: PhotoPictures;
  readonly port: number;
  readonly hostNames?: readonly string[] | undefined;
  readonly machine?: (() => MachineView) | undefined;
}

/** A queue that is shown. */
export interface QueueSource {
  readonly name: string;
  readonly room: Pick<QueueRoom, "answer" | "change">;
  /** Whether anybody may change it. */
  readonly canChange: boolean;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly role: Role;
}

/** Routes requests, and checks who may make them. */
export class DashboardRoutes implements Disposable {
  readonly #options: RoutesOptions;
  readonly #login: LoginDesk;
  readonly #live: LiveStreams | undefined;
  readonly #ended = new AbortController();
  readonly #comparisons: RecipeComparisons | undefined;

  constructor(options: RoutesOptions) {
    this.#options = options;
    const { ledger, machine } = options;
    this.#login = new LoginDesk(options.sessions, options.port);
    this.#live = ledger && new LiveStreams(ledger, machine);
    this.#comparisons = ledger && new RecipeComparisons(ledger, this.#ended.signal);
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#live?.[Symbol.dispose]();
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, method = "" } = request;
    if (!isOwnHost(headers.host, this.#options.hostNames)) {
      throw new Refusal(421, "This server is not reached by that name. Name it with --host-name.");
    }
    const url = URL.parse(request.url ?? "/", "http://dashboard");
    if (url === null) throw new Refusal(400, "Expected a path.");
    const isPage = url.pathname === "/" || url.pathname === "/login";
    // A link from elsewhere may open the page, and nothing more.
    if (!(isPage && method === "GET") && !isFromOwnPage(headers)) {
      throw new Refusal(403, "This request comes from another site.");
    }
    if (method === "POST") return await this.#post(request, response, url);
    if (method !== "GET" && method !== "HEAD") throw new Refusal(405, "Expected GET or POST.");
    if (url.pathname.startsWith("/assets/")) {
      return send(response, await pageFile(url.pathname.slice("/assets/".length)));
    }
    const role = this.#login.roleOf(request);
    if (isPage) {
      const isLogin = role === undefined;
      if (isLogin === (url.pathname === "/login")) {
        return send(response, await pageFile(isLogin ? "login.html" : "index.html"));
      }
      const headers = { location: isLogin ? "/login" : "/" };
      return send(response, { status: 303, type: "text/plain", body: "", headers });
    }
    if (role === undefined) throw new Refusal(401, "Log in first.");
    await this.#get({ request, response, url, role });
  }

  get #ledger(): Ledger {
    const { ledger } = this.#options;
    if (ledger === undefined) throw new Refusal(404, "There are no results here, only a queue.");
    return ledger;
  }

  async #get({ request, response, url, role }: Exchange): Promise<void> {
    const [, area, id = "", ...rest] = url.pathname.split("/");
    const path = url.pathname;
    if (path === "/api/setup") return sendJson(response, await this.#setup(role));
    if (path.startsWith("/api/queue/")) {
      const question = { parts: partsOf(path), query: url.searchParams };
      const signal = signalOf(response);
      return sendJson(response, await this.#queue.room.answer({ ...question, signal }));
    }
    const ledger = this.#ledger;
    if (path === "/api/live") {
      const isWelcome = () => this.#login.roleOf(request) !== undefined;
      return this.#live!.of(await this.#recipe(url)).add(response, isWelcome);
    }
    if (path === "/api/photos") {
      const { id: recipeId } = await this.#recipe(url);
      const query = url.searchParams;
      const signal = signalOf(response);
      return sendJson(response, await viewPhotoList(ledger, { recipeId, query, signal }));
    }
    if (path.startsWith("/api/photos/")) {
      const { id: recipeId } = await this.#recipe(url);
      const photoId = photoIdOf(rest[0]);
      const details = await readPhotoDetails(ledger, { recipeId, photoId });
      if (details === undefined) throw new Refusal(404, "There is no such photo.");
      return sendJson(response, viewPhotoDetails(details));
    }
    if (path === "/api/review" || path.startsWith("/api/review/")) {
      const { id: recipeId } = await this.#recipe(url);
      const question = { recipeId, parts: partsOf(path), query: url.searchParams };
      return sendJson(response, await answerReview(ledger, question));
    }
    if (path.startsWith("/api/management/")) {
      const recipe = await this.#recipe(url);
      const question = { recipe, parts: partsOf(path), query: url.searchParams };
      const signal = signalOf(response);
      return sendJson(response, await answerManagement(ledger, { ...question, signal }));
    }
    if (path.startsWith("/api/compare/")) {
      const second = await this.#recipe(url);
      const first = await this.#recipe(url, "with");
      const question = { first, second, parts: partsOf(path), query: url.searchParams };
      const signal = signalOf(response);
      return sendJson(response, await this.#comparisons!.answer({ ...question, signal }));
    }
    if (area === "pictures") {
      const { pictures } = this.#options;
      const question = { ledger, pictures, photoId: photoIdOf(id), parts: rest };
      return await answerPicture(response, question);
    }
    throw new Refusal(404, "There is nothing here.");
  }

  async #post(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname;
    if (path === "/login") return await this.#login.logIn(request, response);
    if (path === "/logout") return this.#login.logOut(request, response);
    const role = this.#login.roleOf(request);
    if (role === undefined) throw new Refusal(401, "Log in first.");
    if (path.startsWith("/api/queue/")) {
      if (!this.#mayChangeQueue(role)) throw new Refusal(403, "You may look, not change.");
      const change = { parts: partsOf(path), body: await readJson(request) };
      const { changes: ledger } = this.#options;
      return sendJson(response, await this.#queue.room.change({ ...change, ledger }));
    }
    const changes = this.#changesOf(role);
    if (path.startsWith("/api/review/")) {
      const { id: recipeId } = await this.#recipe(url);
      const change = { recipeId, parts: partsOf(path), body: await readJson(request) };
      const signal = signalOf(response);
      return sendJson(response, await changeReview(changes, { ...change, signal }));
    }
    if (path.startsWith("/api/management/")) {
      const recipe = await this.#recipe(url);
      const change = { recipe, parts: partsOf(path), body: await readJson(request) };
      return sendJson(response, await applyManagementChange(changes, change));
    }
    throw new Refusal(404, "There is nothing here.");
  }

  get #queue(): QueueSource {
    const { queue } = this.#options;
    if (queue === undefined) throw new Refusal(404, "There is no queue here.");
    return queue;
  }

  #mayChangeQueue(role: Role): boolean {
    return this.#options.queue?.canChange === true && role === "editor";
  }

  /** The writable ledger, for those allowed to change things. Every change passes this check. */
  #changesOf(role: Role): Ledger {
    const { changes } = this.#options;
    if (changes === undefined) throw new Refusal(403, "This server shows results only.");
    if (role !== "editor") throw new Refusal(403, "Your password lets you look, not change.");
    return changes;
  }

  async #setup(role: Role): Promise<object> {
    const { ledger, queue } = this.#options;
    const { recipes, newestId } = ledger
      ? await readRecipeChoices(ledger)
      : { recipes: [], newestId: undefined };
    return {
      role,
      queue: queue && { name: queue.name, canChange: this.#mayChangeQueue(role) },
      hasResults: ledger !== undefined,
      canChange: this.#options.changes !== undefined && role === "editor",
      canLogOut: this.#options.sessions.isNeeded,
      newestHash: recipes.find(({ id }) => id === newestId)?.hash,
      recipes: recipes.map(({ hash, name, json }) => ({ hash, name, recipe: JSON.parse(json) })),
    };
  }

  /** The recipe that is asked for, or the one of the newest result. */
  async #recipe(url: URL, name = "recipe"): Promise<RecipeChoice> {
    const hash = url.searchParams.get(name);
    const { recipes, newestId } = await readRecipeChoices(this.#ledger);
    const recipe = recipes.find((known) =>
      hash === null ? known.id === newestId : known.hash === hash,
    );
    if (recipe === undefined) throw new Refusal(404, "There is no such recipe.");
    return recipe;
  }
}

/** Ends when the client has gone. */
function signalOf(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  response.on("close", () => closed.abort());
  return closed.signal;
}

/** What follows `/api/review` and the like. */
function partsOf(path: string): string[] {
  return path.split("/").slice(3);
}

function photoIdOf(text: string | undefined): number {
  if (/^\d{1,15}$/.test(text ?? "")) return Number(text);
  throw new Refusal(404, "There is no such photo.");
}
