import type { QueueSource } from "../../../dashboard/routes.ts";
import type { OpenQueueOptions } from "../../../fleet/queue/open-queue.ts";
import type { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import type { Logger } from "../../../logger.ts";

export interface QueueSourceOptions extends Pick<OpenQueueOptions, "queue" | "connection"> {
  readonly readOnly: boolean;
  readonly logger: Logger;
}

/** Opens a queue for the control room. Imports what queues need only then. */
export async function openQueueSource({
  queue,
  connection,
  readOnly,
  logger,
}: QueueSourceOptions): Promise<QueueSource & AsyncDisposable & { readonly fleet: FleetQueues }> {
  const { FleetQueues } = await import("../../../fleet/recipes/fleet-queues.ts");
  const { QueueRoom } = await import("../../../dashboard/queue/queue-room.ts");
  // What the server says meanwhile is for the page: a person looks at it.
  const fleet = await FleetQueues.open({ queue, connection, onTrouble: () => {} });
  return {
    name: queue,
    fleet,
    room: new QueueRoom(fleet, logger),
    canChange: !readOnly,
    [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose](),
  };
}
