/** Celery's own limits for revoked tasks. */
const most = 50_000;
const rememberedMs = 3 * 3_600_000;

/** Recently revoked tasks, which must not start. */
export class RevokedTasks {
  /** By id, when it was revoked, oldest first: seconds since 1970. */
  readonly #ids = new Map<string, number>();

  add(id: string, atSeconds = Date.now() / 1000): void {
    this.#ids.delete(id);
    this.#ids.set(id, atSeconds);
    this.#purge();
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** As workers exchange them. */
  toJSON(): Record<string, number> {
    this.#purge();
    return Object.fromEntries(this.#ids);
  }

  #purge(): void {
    const oldest = Date.now() / 1000 - rememberedMs / 1000;
    for (const [id, at] of this.#ids) {
      if (this.#ids.size <= most && at >= oldest) return;
      this.#ids.delete(id);
    }
  }
}
