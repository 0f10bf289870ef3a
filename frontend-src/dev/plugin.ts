import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { Connect, Plugin } from "vite";
import { FakeMain } from "./fake.ts";

interface Manifest {
  "src/main.ts": { file: string; css?: string[] };
}

/** The page as Main renders it: a nonce for what needs one, nothing inline, and the policy that forbids the rest. */
function page(nonce: string): string {
  const entry = (JSON.parse(readFileSync("../dist/manifest.json", "utf8")) as Manifest)["src/main.ts"];
  const sheets = (entry.css ?? []).map((file) => `<link rel="stylesheet" href="/${file}">`).join("");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="switchyard-base" content="/"><meta property="csp-nonce" nonce="${nonce}"><title>Switchyard</title>${sheets}
<script type="module" src="/${entry.file}" nonce="${nonce}"></script></head><body><div id="page"></div></body></html>`;
}

function policy(nonce: string): string {
  return [
    "default-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    `script-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "connect-src 'self' ws: wss:",
    "frame-ancestors 'none'",
    "base-uri 'self'",
  ].join("; ");
}

/** A fake Main behind `npm run dev` and `npm run preview`; the preview serves dist/ under the policy of the real one. */
export function fakeMain(): Plugin {
  const fake = new FakeMain();
  const answer: Connect.NextHandleFunction = (request, response, next) => {
    if (!fake.onRequest(request, response)) next();
  };
  function attach(server: { httpServer: unknown; middlewares: Connect.Server }): void {
    const http = server.httpServer as Server | null;
    http?.on("upgrade", (request, socket, head: Buffer) => void fake.onUpgrade(request, socket, head));
    server.middlewares.use(answer);
  }
  return {
    name: "switchyard-fake-main",
    apply: "serve",
    configureServer: attach,
    configurePreviewServer(server) {
      attach(server);
      server.middlewares.use((request, response, next) => {
        const path = request.url?.split("?")[0] ?? "/";
        if (path.startsWith("/assets/")) {
          next();
          return;
        }
        const nonce = randomBytes(16).toString("base64");
        response.setHeader("Content-Security-Policy", policy(nonce));
        response.setHeader("Content-Type", "text/html; charset=utf-8");
        response.end(page(nonce));
      });
    },
  };
}
