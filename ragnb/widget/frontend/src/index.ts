/** The wiring: the log lives with the widget's model, and each view draws from it. */

import { showCard } from "./card";
import { Connection } from "./connection";
import type { Model } from "./model";

interface Setting {
  model: Model;
  signal?: AbortSignal;
}

export default () => {
  let connection: Connection | undefined;
  return {
    initialize({ model, signal }: Setting): () => void {
      const opened = (connection = new Connection(model));
      const close = () => opened.close();
      signal?.addEventListener("abort", close, { once: true });
      return close;
    },

    render({ model, el, signal }: Setting & { el: HTMLElement }): () => void {
      const remove = showCard(el, (connection ??= new Connection(model)));
      signal?.addEventListener("abort", remove, { once: true });
      return remove;
    },
  };
};
