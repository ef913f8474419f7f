/** What the host gives us of the widget (AFM); everything but the first four may be missing. */

export interface Model {
  get(trait: string): unknown;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  send(content: unknown): void;
  widget_manager?: { kernel?: Kernel | null } | null;
}

/** The part of JupyterLab's kernel connection that we use; other hosts have none of it. */
export interface Kernel {
  interrupt?(): Promise<void>;
  statusChanged?: {
    connect(slot: (sender: unknown, status: string) => void): void;
    disconnect(slot: (sender: unknown, status: string) => void): void;
  };
}
