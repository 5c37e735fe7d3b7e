import { join } from "node:path";

import { listen, signIn } from "./page.ts";
import { test } from "./partyline.ts";

const PICTURE = join(import.meta.dirname, "../../docs/console.png");

/** The picture in the README: one call of three is listened to. */
test("a picture of the console", async ({ page, partyline }) => {
  const voices = ["broken-router", "delivery-address", "lost-luggage"];
  for (const [n, name] of voices.entries()) {
    partyline.call({ caller: `${name}-caller.ulaw`, agent: `${name}-agent.ulaw`, from: `+1555019900${n + 1}` });
  }
  await page.setViewportSize({ width: 1280, height: 720 });
  await signIn(page, partyline);
  await listen(page);
  // Some seconds of speech, so that the meters and the delay show what they usually do.
  await page.getByText(/0:1\d/).first().waitFor();
  await page.screenshot({ path: PICTURE });
});
