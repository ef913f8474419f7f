/** Light or dark, as the host says, and as it changes its mind. */

export type Theme = "light" | "dark";

/** What the attributes of the page's `<body>` and `<html>` say, else the reader's own preference. */
export function theme(): Theme {
  for (const root of [document.body, document.documentElement]) {
    const { jpThemeLight, vscodeThemeKind, theme } = root.dataset;
    const inJupyter = { true: "light", false: "dark" }[jpThemeLight ?? ""];
    const said = inJupyter ?? `${vscodeThemeKind} ${theme} ${root.getAttribute("theme")} ${root.className}`;
    if (/\blight\b/.test(said)) return "light";
    if (/\b(dark|contrast)\b/.test(said)) return "dark";
  }
  return preference()?.matches ? "dark" : "light";
}

/** Keep an element's `data-theme` right; returns the way to end that. */
export function followTheme(target: HTMLElement): () => void {
  const set = () => {
    target.dataset.theme = theme();
  };
  const observer = new MutationObserver(set);
  observer.observe(document.documentElement, { attributes: true });
  observer.observe(document.body, { attributes: true });
  const preferred = preference();
  preferred?.addEventListener("change", set);
  set();
  return () => {
    observer.disconnect();
    preferred?.removeEventListener("change", set);
  };
}

function preference(): MediaQueryList | undefined {
  return window.matchMedia?.("(prefers-color-scheme: dark)");
}
