import { defineConfig } from "@playwright/test";

import { chromium } from "./chromium.ts";

/** End to end in Debian's Chromium, against the binary that `cargo build` made. */
export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.ts",
  outputDir: "results",
  timeout: 90_000,
  // Audio is judged: two browsers at once on two cores would disturb each other.
  workers: 1,
  retries: 0,
  forbidOnly: true,
  reporter: [["list"]],
  use: { ...chromium, screenshot: "only-on-failure", trace: "off" },
});
