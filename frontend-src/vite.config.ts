import { join } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";
import { chunkNames } from "./dev/chunks.ts";
import { fakeMain } from "./dev/plugin.ts";

function inSource(name: string): string {
  return join(import.meta.dirname, "src", name);
}

export default defineConfig(({ mode }) => ({
  // Every address inside the build is relative: Main serves the page under any sub-path.
  base: "./",
  plugins: [svelte(), fakeMain(), ...(mode === "test" ? [svelteTesting()] : [])],
  // Tests resolve packages as a browser does, where `ws` is only a stub; its server is what they need.
  ...(mode === "test" ? { resolve: { alias: { ws: join(import.meta.dirname, "node_modules/ws/wrapper.mjs") } } } : {}),
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    // The notices of all that is bundled: their licences ask for it.
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false },
    target: "es2023",
    // Icons and fonts stay files of their own: a data: address would be fetched with every style sheet.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: "src/main.ts",
      output: { codeSplitting: { groups: [{ name: chunkNames(inSource("main.ts"), inSource("app.ts")) }] } },
    },
  },
  server: { host: "127.0.0.1", port: 4459 },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
  },
}));
