// Measures dist/ against the budgets and fails over them: `npm run size` after `npm run build`.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const DIST = join(import.meta.dirname, "../../dist");
const KB = 1000;
const manifest = JSON.parse(readFileSync(join(DIST, "manifest.json"), "utf8"));

/** The chunk and all that it imports statically, each once. */
function closure(key, seen = new Set()) {
  if (!seen.has(key)) {
    seen.add(key);
    for (const next of manifest[key].imports ?? []) closure(next, seen);
  }
  return seen;
}

function files(keys) {
  const all = [...keys].flatMap((key) => [
    manifest[key].file,
    ...(manifest[key].css ?? []),
    ...(manifest[key].assets ?? []),
  ]);
  return [...new Set(all)];
}

function size(file, compress) {
  const content = readFileSync(join(DIST, file));
  return file.endsWith(".woff2") ? content.length : compress(content).length;
}

function sum(list, compress) {
  return list.reduce((total, file) => total + size(file, compress), 0);
}

const scripts = (list) => list.filter((file) => file.endsWith(".js"));
const entry = closure("src/main.ts");
// The one thing that the entry loads lazily is the signed-in page.
const app = closure(manifest["src/main.ts"].dynamicImports[0]);
const first = new Set([...entry, ...app]);
const rows = [
  ["sign-in, wire (brotli)", sum(files(entry), brotliCompressSync), 40 * KB],
  ["first load, scripts (gzip)", sum(scripts(files(first)), gzipSync), 140 * KB],
  ["first load, wire (brotli)", sum(files(first), brotliCompressSync), 260 * KB],
];
/** What a lazy part finds loaded already: the first load, and what all who import it have brought. */
function present(key) {
  const importers = Object.keys(manifest).filter((one) => manifest[one].dynamicImports?.includes(key));
  const roots = importers.flatMap((one) => (first.has(one) ? [null] : rootsOf(one)));
  const sets = roots.map((root) => (root === null ? first : new Set([...first, ...closure(root)])));
  return sets.reduce((all, one) => new Set([...all].filter((part) => one.has(part))), sets[0] ?? first);
}

/** The dynamic entries that load a chunk. */
function rootsOf(key) {
  if (manifest[key].isDynamicEntry) return [key];
  return Object.keys(manifest).filter((one) => manifest[one].isDynamicEntry && closure(one).has(key));
}

for (const [key, chunk] of Object.entries(manifest)) {
  if (!chunk.isDynamicEntry || first.has(key)) continue;
  const there = present(key);
  const own = [...closure(key)].filter((one) => !there.has(one));
  rows.push([`lazy ${chunk.name ?? key} (${chunk.file})`, sum(scripts(files(own)), gzipSync), 120 * KB]);
}

let isOver = false;
rows.sort((a, b) => b[2] - a[2] || b[1] - a[1]);
for (const [name, bytes, budget] of rows) {
  const verdict = bytes > budget ? "OVER" : "ok";
  isOver ||= bytes > budget;
  if (bytes > 3 * KB || bytes > budget) {
    console.log(`${verdict.padEnd(5)}${(bytes / KB).toFixed(1).padStart(7)} KB of ${budget / KB} KB  ${name}`);
  }
}
console.log(`requests of the first load: ${files(first).length + 3} (page, status and socket among them)`);
process.exitCode = isOver ? 1 : 0;
