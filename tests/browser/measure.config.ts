import { defineConfig } from "@playwright/test";

import { chromium } from "./chromium.ts";

/** Not tests: figures and pictures for the documents, taken from the release binary. */
export default defineConfig({
  testDir: ".",
  testMatch: "*.measure.ts",
  outputDir: "results",
  timeout: 180_000,
  workers: 1,
  reporter: [["list"]],
  use: chromium,
});
