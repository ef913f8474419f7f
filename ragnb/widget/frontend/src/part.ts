/** A part of the card: its element, and how it is drawn from the log as it is now. */

import type { Connection } from "./connection";

export interface Part {
  root: HTMLElement;
  draw(connection: Connection): void;
}
