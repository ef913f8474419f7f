// The bundle: one ES module without imports, and one style sheet, written to ../static and committed.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;

// Long names that are ours alone, which esbuild may shorten: no name of the page's, the log's or a host's,
// no key that is looked up, and nothing that a module exports.
const OURS = [
  "arrivals", "brokenBy", "canAskAgain", "citations", "closes", "drawInCode", "elapsed", "giveUp", "hasText", "heads",
  "indent", "isDefinedLate", "isEmpty", "isEnd", "isEnded", "isFence", "isHolding", "isLate", "isOpen", "latest",
  "layers", "marks", "missed", "opened", "pieces", "ranking", "references", "resumptions", "shown", "trouble", "ttft",
  "underline",
];

/** The files of the bundle by name; the same bytes each time. */
export async function bundle() {
  const { outputFiles } = await build({
    absWorkingDir: here,
    entryPoints: { answer: "src/index.ts", "answer.style": "src/answer.css" },
    outdir: "out",
    write: false,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    charset: "utf8",
    mangleProps: new RegExp(`^(${OURS.join("|")})$`),
    legalComments: "none",
    logLevel: "warning",
  });
  const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text;
  return { "answer.js": text("answer.js"), "answer.css": text("answer.style.css") };
}

if (import.meta.filename === process.argv[1]) {
  for (const [name, text] of Object.entries(await bundle())) {
    writeFileSync(join(here, "../static", name), text);
    console.log(`${name}: ${Buffer.byteLength(text)} bytes`);
  }
}
