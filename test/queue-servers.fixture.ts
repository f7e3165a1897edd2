import { after, before } from "node:test";
import { openPostgres } from "./servers/postgres-server.ts";
import { openRedis } from "./servers/redis-server.ts";

/** A server that queues are tested on. */
export interface QueueServerForTests {
  readonly name: "Redis" | "PostgreSQL";
  /** For the time of the tests. */
  readonly url: string;
}

const openServer = { Redis: openRedis, PostgreSQL: openPostgres } as const;

/** A Redis and a PostgreSQL for one file's tests, from before the first to after the last. */
export function queueServersForTests() {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  const open = (name: keyof typeof openServer): QueueServerForTests => {
    let url = "";
    before(async () => {
      url = stack.use(await openServer[name]()).url;
    });
    return {
      name,
      get url() {
        return url;
      },
    };
  };
  return [open("Redis"), open("PostgreSQL")] as const;
}
