/** The vocabulary of the log: the twin of `ragnb/events.py`, as `to_json` writes it. */

interface Event {
  seq: number;
  /** Seconds since the answer started. */
  at: number;
}

export type Range = [number, number];

/** Where a passage stands in its source. Fields without a value are left out. */
export interface Locator {
  heading?: string[];
  lines?: Range;
  pages?: Range;
  slides?: Range;
  cells?: Range;
  sheet?: string;
  rows?: Range;
  seconds?: Range;
  label?: string;
}

export interface Chunk {
  id: string;
  document: string;
  text: string;
  title?: string;
  source?: string;
  locator?: Locator;
}

export interface Hit {
  chunk: Chunk;
  score: number;
}

/** Code points `[start, end)` of a chunk's text; `number` is the source's, from 1. */
export interface Quote {
  number: number;
  chunk_id: string;
  start: number;
  end: number;
  text: string;
}

export interface Started extends Event {
  type: "Started";
  answer_id: string;
  question: string;
  k: number;
  where?: Record<string, unknown>;
}

/** What was searched for in place of a question that leans on a chat. */
export interface Rewritten extends Event {
  type: "Rewritten";
  question: string;
  others?: string[];
  note?: string;
}

export interface Retrieved extends Event {
  type: "Retrieved";
  hits: Hit[];
  embed_seconds?: number;
  search_seconds?: number;
}

export interface Reranked extends Event {
  type: "Reranked";
  hits: Hit[];
  /** Why not all hits were scored. */
  note?: string;
}

export interface Routed extends Event {
  type: "Routed";
  model: string;
  reason: string;
  tier?: string;
}

/** The provider keeps the answer: nothing to show. */
export interface Kept extends Event {
  type: "Kept";
}

export interface Token extends Event {
  type: "Token";
  text: string;
}

/** Code points `[start, end)` of the answer rest on these quotes; `marker` is where `[n]` was written. */
export interface Cited extends Event {
  type: "Cited";
  start: number;
  end: number;
  quotes: Quote[];
  marker?: Range | null;
}

export interface Retrying extends Event {
  type: "Retrying";
  fault: string;
  message: string;
  attempt: number;
  /** Seconds until the next attempt. */
  wait: number;
}

export interface Resumed extends Event {
  type: "Resumed";
  strategy: string;
  model: string;
  offset: number;
}

export interface Used extends Event {
  type: "Used";
  model: string;
  input_tokens: number;
  output_tokens: number;
  cached_tokens?: number;
  cost?: number | null;
  estimated?: boolean;
}

export interface Finished extends Event {
  type: "Finished";
  reason: string;
  advice?: string;
}

export interface Cancelled extends Event {
  type: "Cancelled";
}

export interface Failed extends Event {
  type: "Failed";
  error: string;
  message: string;
  advice?: string;
}

/** An event of a type that this version does not know; `as` is the type it had. */
export interface Unknown extends Event {
  type: "Unknown";
  as: string;
}

export type LogEvent =
  | Started
  | Rewritten
  | Retrieved
  | Reranked
  | Routed
  | Kept
  | Token
  | Cited
  | Retrying
  | Resumed
  | Used
  | Finished
  | Cancelled
  | Failed
  | Unknown;

const KINDS =
  "Started Rewritten Retrieved Reranked Routed Kept Token Cited Retrying Resumed Used Finished Cancelled Failed".split(
    " ",
  );

/** The event in an object from the wire; `seq` is -1 where it has none. Null if it is no event. */
export function read(raw: unknown): LogEvent | null {
  const { type, seq = -1, at = 0 } = (raw ?? {}) as { type?: unknown; seq?: unknown; at?: unknown };
  if (typeof type !== "string" || typeof seq !== "number" || typeof at !== "number") return null;
  if (KINDS.includes(type)) return { ...(raw as LogEvent), seq, at };
  return seq < 0 ? null : { type: "Unknown", as: type, seq, at };
}
