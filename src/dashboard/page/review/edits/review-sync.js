/** Keeps edits and the server together: sends what is new, takes what others did, loses nothing. */
import { correctionsOf } from "./corrections.js";
import { forgetStale, keep, placeOf, readKept } from "./kept-edits.js";
import { newId } from "./new-id.js";

/** Delay after the last change, so that a box being moved is not sent at each step. */
const pauseMs = 600;
const retryMs = [1000, 2000, 4000, 8000];
/** How often others' changes are fetched and the hold is renewed. */
const pollMs = 5000;
/** In one request, which has a limit. */
const mostThings = 100;

/**
 * The edits of one photo, and how they stand: `saved`, `saving`, `lost` where the server does not
 * answer, or `refused`, with the `error`.
 *
 * Options: `edits`; `recipe`, `photoId`, `by`; `server` of {@link reviewServer}; `canChange`;
 * `onStanding()`; `onReview(review, news)` when the server has sent one, with what is new in it;
 * `onHeld(held)` when the photo is held, with who else looks at it.
 */
export class ReviewSync {
  review;
  standing = "saved";
  error;
  /** Whether this browser keeps what is not sent. */
  isKept = true;
  #options;
  #place;
  #timer;
  #poller;
  #failures = 0;
  /** A request whose answer is not known: it is sent again as it was. */
  #pending;
  #running;
  #isLeft = false;

  constructor(options) {
    this.#options = options;
  }

  /** Fetches the review and puts back what was kept: how much, and whether some does not fit. */
  async load() {
    const { edits, recipe, photoId, server, canChange } = this.#options;
    const review = await server.read();
    const { identity, resultId } = review;
    this.#place = placeOf({ identity, recipe, photoId, resultId });
    this.#take(review);
    if (!canChange || this.#isLeft) return { kept: 0, isStale: false };
    edits.restore(readKept(this.#place));
    const isStale = forgetStale(this.#place) > 0;
    this.#poller = setInterval(this.#pollNow, pollMs);
    addEventListener("online", this.#tryNow);
    addEventListener("pagehide", this.#keepAndSend);
    addEventListener("focus", this.#pollNow);
    this.changed();
    this.#pollNow();
    return { kept: edits.unsavedCount, isStale };
  }

  /** Says that something was changed here. */
  changed() {
    if (this.#place === undefined) return;
    this.#keepNow();
    if (!this.#hasWork()) return this.#settle();
    if (this.#failures > 0) return this.#setStanding("lost");
    this.#setStanding("saving");
    this.#later(pauseMs);
  }

  /** Sends all that can be sent now. Resolves to whether the server has all of it. */
  async flush() {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** Says whether the photo is right now, after all that is to be sent. */
  async setReviewed(isReviewed) {
    if (!(await this.flush())) return false;
    const changes = isReviewed
      ? [{ kind: "review" }]
      : this.review.undoReview.map((undoneNumber) => ({ kind: "undo", undoneNumber }));
    const corrections = changes.map((change) => ({ id: newId(), ...change }));
    this.#pending = { sent: [], corrections };
    return await this.flush();
  }

  /** Ends it. What is not sent by then is sent, and stays kept where that fails. */
  leave() {
    this.#isLeft = true;
    clearInterval(this.#poller);
    removeEventListener("online", this.#tryNow);
    removeEventListener("pagehide", this.#keepAndSend);
    removeEventListener("focus", this.#pollNow);
    if (!this.#options.canChange || this.#place === undefined) return;
    this.#keepNow();
    void this.flush().then(() => {
      clearTimeout(this.#timer);
      return this.#options.server.release().catch(() => {});
    });
  }

  #tryNow = () => {
    this.#failures = 0;
    void this.flush();
  };

  #pollNow = () => void this.#poll();

  /**
   * When a window is closed, nobody learns whether the last request arrived: it is kept, too. One
   * that is loaded again is another session, which finds the photo free.
   */
  #keepAndSend = () => {
    this.#keepNow();
    void this.flush();
    void this.#options.server.release().catch(() => {});
  };

  #keepNow = () => {
    const list = [...this.#options.edits.things.values()]
      .filter((thing) => correctionsOf(thing).length > 0)
      .map(({ key, kind, saved, mine }) => ({ key, kind, saved, mine }));
    this.isKept = keep(this.#place, list);
  };

  #hasWork() {
    return this.#pending !== undefined || this.#options.edits.unsent.length > 0;
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), ms);
  }

  async #drain() {
    clearTimeout(this.#timer);
    while (this.#hasWork()) if (!(await this.#send())) return false;
    return this.#options.edits.unsavedCount === 0;
  }

  /** Sends one request. Resolves to whether it goes on. */
  async #send() {
    const { edits, by, server } = this.#options;
    const things = edits.unsent.slice(0, mostThings);
    this.#pending ??= {
      sent: things.map(({ key, mine }) => ({ key, mine })),
      corrections: things.flatMap(correctionsOf),
    };
    const { sent, corrections } = this.#pending;
    this.#pending.version ??= this.review.version;
    this.#setStanding("saving");
    try {
      const { version } = this.#pending;
      const { resultId } = this.review;
      const answer = await server.correct({ version, resultId, by, corrections });
      this.#pending = undefined;
      this.#failures = 0;
      if (answer.error !== undefined) return this.#refuse(answer.error);
      // If others were faster, nothing was recorded: the rest is sent on top of their changes. But
      // before declaring a photo right, a person has to see them.
      const isTaken = answer.conflict === undefined;
      for (const { key, mine } of isTaken ? sent : []) edits.saved(key, mine);
      this.#take(answer.review);
      if (!isTaken && sent.length === 0) return this.#refuse(answer.conflict);
      this.#keepNow();
      this.#settle();
      return true;
    } catch (error) {
      this.error = error.isAnswer ? error.message : undefined;
      this.#later(retryMs[Math.min(this.#failures++, retryMs.length - 1)]);
      this.#setStanding("lost");
      return false;
    }
  }

  #refuse(message) {
    this.error = message;
    this.#keepNow();
    this.#setStanding("refused");
    return false;
  }

  #settle() {
    this.error = undefined;
    this.#setStanding(this.#hasWork() ? "saving" : "saved");
  }

  #take(review) {
    const news = this.#options.edits.merge(review.things);
    const isFirst = this.review === undefined;
    this.review = review;
    if (!this.#isLeft) this.#options.onReview(review, isFirst ? [] : news);
  }

  #setStanding(standing) {
    this.standing = standing;
    if (!this.#isLeft) this.#options.onStanding();
  }

  async #poll() {
    if (document.hidden) return;
    const { server, onHeld } = this.#options;
    try {
      const held = await server.hold();
      if (this.#isLeft) return;
      onHeld(held);
      if (held.version !== this.review.version && this.#running === undefined) {
        const review = await server.read();
        // A request sent in the meantime has the newer version.
        if (!this.#isLeft && review.version > this.review.version) this.#take(review);
      }
      if (this.standing !== "lost") return;
      this.#failures = 0;
      if (this.#hasWork()) await this.flush();
      else this.#settle();
    } catch (error) {
      this.error = error.isAnswer ? error.message : undefined;
      if (!this.#isLeft && this.standing === "saved") this.#setStanding("lost");
    }
  }
}
