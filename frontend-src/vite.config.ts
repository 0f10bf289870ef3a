import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";
import { fakeMain } from "./dev/plugin.ts";

export default defineConfig(({ mode }) => ({
  // Every address inside the build is relative: Main serves the page under any sub-path.
  base: "./",
  plugins: [svelte(), fakeMain(), ...(mode === "test" ? [svelteTesting()] : [])],
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
    rolldownOptions: { input: "src/main.ts" },
  },
  server: { host: "127.0.0.1", port: 4459 },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
  },
}));
