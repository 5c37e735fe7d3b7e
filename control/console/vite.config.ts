import react from "@vitejs/plugin-react";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** The font's licence asks to travel with the font. */
function fontLicence(): Plugin {
  const licence = new URL("node_modules/@fontsource-variable/inter/LICENSE", import.meta.url);
  return {
    name: "font-licence",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "assets/inter.LICENSE.txt", source: readFileSync(licence) });
    },
  };
}

const control = process.env["PARTYLINE_PUBLIC_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), fontLicence()],
  build: {
    target: "es2023",
    // The first versions with `light-dark()`, which the colours are written in.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // The page is served under a strict Content-Security-Policy: nothing inline, no data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // The Origin stays the dev server's own: control must allow it (`allowed_origins`).
    proxy: { "/api": { target: control, ws: true } },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}", "client/src/**/*.test.ts"],
    setupFiles: ["src/testing/setup.ts"],
    restoreMocks: true,
    // No test waits for real time; a busy machine takes its own.
    testTimeout: 60_000,
  },
});
