/** Where a link leads: the twin of `_host` in `ragnb/display/commonmark.py`. */

const BLOCKED = /^(?:vbscript|javascript|file|data):/i;
const GOOD_IMAGE = /^data:image\/(?:gif|png|jpeg|webp);/i;

export interface Destination {
  href: string;
  /** The host of a web address or the mailbox of a mail address, as shown behind the link. */
  host: string;
}

/** Whether Markdown makes a link of an address at all; if not, it stays as it was written. */
export function isAddress(address: string): boolean {
  const trimmed = address.trim();
  return !BLOCKED.test(trimmed) || GOOD_IMAGE.test(trimmed);
}

/** Where an address leads; null if it is neither on the web nor a mailbox, or its host cannot be told. */
export function destination(address: string): Destination | null {
  const parts = /^(https?:\/\/|mailto:)([^?#]*)/i.exec(address);
  if (!parts) return null;
  const [, scheme = "", rest = ""] = parts;
  try {
    const url = new URL(address);
    if (scheme.toLowerCase() === "mailto:") return url.pathname ? { href: url.href, host: rest } : null;
    // A percent sign would hide letters: the browser decodes them.
    const host = /^[^/\\]*/.exec(rest)![0].replace(/^.*@/, "");
    if (!host || host.includes("%") || !url.hostname) return null;
    return { href: url.href, host: url.hostname.replace(/^\[(.*)\]$/, "$1") };
  } catch {
    return null;
  }
}
