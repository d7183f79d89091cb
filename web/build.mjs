// Builds the page into the package: `npm ci && npm run build`. The same sources give the same bytes.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const page = join(here, "../streamer/server/page");

const options = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "eof",
  outdir: join(page, "assets"),
  entryNames: "[name]-[hash]",
  loader: { ".svg": "copy" },
  metafile: true,
};

/** Build one entry; returns its URL. */
async function built(entry, define = {}) {
  const { metafile } = await build({ ...options, entryPoints: [entry], define });
  const outputs = Object.entries(metafile.outputs);
  const [path] = outputs.find(([, output]) => output.entryPoint === entry) ?? outputs[0];
  return `/assets/${basename(path)}`;
}

/** The SHA-256 of all that the build depends on: of every file its name, a NUL, its bytes, a NUL. */
async function hashOfSources() {
  const sources = (await readdir(join(here, "src"))).map((name) => `src/${name}`);
  const all = [...sources, "build.mjs", "package.json", "package-lock.json", "tsconfig.json"].sort();
  const hash = createHash("sha256");
  for (const name of all) {
    hash.update(`${name}\0`).update(await readFile(join(here, name))).update("\0");
  }
  return hash.digest("hex");
}

await rm(page, { recursive: true, force: true });
await mkdir(page, { recursive: true });
const urls = {
  icon: await built("src/icon.svg"),
  style: await built("src/style.css"),
  script: await built("src/main.tsx", { WORKLET_URL: JSON.stringify(await built("src/worklet.ts")) }),
};
const template = await readFile(join(here, "src/index.html"), "utf8");
await writeFile(join(page, "index.html"), template.replace(/\{(icon|style|script)\}/g, (_, name) => urls[name]));
await writeFile(join(page, "sources.sha256"), `${await hashOfSources()}\n`);
