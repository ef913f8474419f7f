/** Cancelling, by what the kernel can hear: a message, and an interrupt where its only thread is busy with us. */

import type { Connection } from "./connection";

const HEARD = 150; // ms within which a kernel that can hear the message ends the answer

/** Ask for the end of the answer; returns the way to call off the second rung. */
export function cancel(connection: Connection): () => void {
  const { store } = connection;
  connection.say("cancel");
  const interrupting = setTimeout(() => {
    if (connection.blocking && connection.isOpen && connection.store === store) connection.interrupt();
  }, HEARD);
  return () => clearTimeout(interrupting);
}
