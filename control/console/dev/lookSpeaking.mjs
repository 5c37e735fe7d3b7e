// Takes pictures of speaking, of an agent's calls and of the figures, and speaks through a real WebRTC call.
// `npm run build && node dev/lookSpeaking.mjs [folder]`
import { makeCall } from "./mockServer.mjs";
import { openStage } from "./stage.mjs";

const stage = await openStage("partyline-look-speaking");
const { mock, gateway, page, shots } = stage;
mock.whep = stage.whep;

const signIn = async () => {
  await page.getByLabel("E-mail").fill("mara@example.com");
  await page.getByLabel("Password").fill("correct horse");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Live calls" }).waitFor();
};
const heard = async (what) => console.log(`${what}: the gateway hears`, await loudest());

await page.goto(mock.url);
await page.getByRole("heading", { name: "Sign in" }).waitFor();
await signIn();
mock.place(makeCall(3, { caller_name: "Grace Okonkwo", bot: "paused" }));
mock.place(makeCall(4, { rings: true }));
mock.place(makeCall(5, { caller_name: "Wilhelmina van der Meer-Oppenheimer", route: "monitor" }));
const call = makeCall(6, {
  caller_name: "Ole Ångström",
  bot: "active",
  summary: "Ole's router arrived broken. He wants another one before Friday, or his money back.",
});
mock.place(call);
await page.locator(`[data-row="${call.id}"]`).click();
await page.getByRole("button", { name: "Take over" }).waitFor();
await shots("01-idle-with-ai");

await page.getByRole("button", { name: "Listen" }).click();
await page.locator('[data-player][data-state="live"]').waitFor({ timeout: 15_000 });
await page.waitForTimeout(1000);
await shots("02-listening");
await heard("listening");

await page.keyboard.press("w");
await page.getByText("Whispering").first().waitFor();
await page.getByText("microphone ready").first().waitFor();
await page.waitForTimeout(1000);
await shots("03-whisper-armed");
await heard("armed");
await untilSaid("Only the agent hears you", async () => {
  await page.keyboard.up(" ");
  await page.keyboard.down(" ");
});
await page.waitForTimeout(1200);
await heard("whispering");
await shots("04-whisper-heard");
await page.keyboard.up(" ");
await page.getByText("microphone ready").first().waitFor();
await page.waitForTimeout(600);
await heard("let go");

await page.keyboard.press("b");
await page.getByText("Joined:").first().waitFor();
await untilSaid("Everyone hears you", () => page.keyboard.press("o"));
await page.waitForTimeout(1200);
await heard("joined");
await shots("05-join-on-air");
await page.locator("[data-row]").first().click();
await page.getByRole("complementary", { name: "Listening elsewhere" }).waitFor();
await shots("06-on-air-elsewhere");
await page.locator(`[data-row="${call.id}"]`).click();
await page.keyboard.press("m");
await page.getByText("you are muted").first().waitFor();
await page.waitForTimeout(600);
await heard("muted");
await page.keyboard.press("m");

await page.keyboard.press("t");
await page.getByRole("dialog").waitFor();
await shots("07-take-over");
await page.getByRole("dialog").getByRole("button", { name: "Take over" }).click();
await page.getByText("You have taken over from the AI").first().waitFor();
await page.waitForTimeout(800);
await shots("08-taken-over");

for (const text of ["One moment, please.", "I am looking at your order now.", "Thank you for waiting."]) {
  await page.getByPlaceholder(/A voice says it/).fill(text);
  await page.getByRole("button", { name: "Say", exact: true }).click();
}
await page.getByText("Queued").first().waitFor();
mock.tell(mock.calls.get(call.id), "message.sent", { say: "say_1", end: "spoken" });
await page.getByRole("button", { name: /Cancel.*Thank you/ }).click();
await page.getByText("Interrupted").first().waitFor();
await page.locator(".say").scrollIntoViewIfNeeded();
await shots("09-say");

await page.evaluate(() => document.querySelector(".player").scrollIntoView());
await untilSaid("Everyone hears you", () => page.keyboard.press("o"));
await gateway.evaluate(() => globalThis.gatewayPeer.close());
await page.getByText("The connection was lost").first().waitFor({ timeout: 20_000 });
await page.locator('[data-player][data-state="live"]').waitFor({ timeout: 20_000 });
await shots("10-lost");
console.log(
  "after the loss:",
  await page.locator("[data-player]").evaluate((player) => ({ ...player.dataset })),
);

mock.change(call.id, { bot: "failed" }, "alert.raised", { alert: "bot_failed", detail: null });
await page.getByText("The AI has failed").first().waitFor();
await page.evaluate(() => document.querySelector(".call-head").scrollIntoView());
await shots("11-ai-failed");
await page.keyboard.press("?");
await shots("12-shortcuts");
await page.keyboard.press("Escape");
await page.keyboard.press("Escape");
await page.getByText("Stopped").first().waitFor();

await page.getByRole("link", { name: "Grace Okonkwo" }).click();
await page.getByRole("button", { name: /Hand back/ }).waitFor();
await shots("13-hand-back");
await page.getByRole("link", { name: /Wilhelmina/ }).click();
await page.getByRole("button", { name: "Listen" }).click();
await page.locator('[data-player][data-state="live"]').waitFor({ timeout: 15_000 });
await page.waitForTimeout(500);
await shots("14-only-listening");
await page.keyboard.press("Escape");

await page.getByRole("link", { name: "Analytics" }).click();
await page.getByRole("heading", { name: "Analytics" }).waitFor();
await page.getByText("Calls by day").first().waitFor();
await shots("15-analytics");
await page.getByRole("radio", { name: "24 hours" }).check({ force: true });
await page.getByText("Calls by hour").first().waitFor();
await shots("16-analytics-day", ["wide-light", "narrow-dark"]);
await page.goto(`${mock.url}/records`);
await page.getByRole("button", { name: "Export as PDF" }).waitFor();
await shots("17-records");

mock.change(call.id, { status: "completed", ended_at: new Date().toISOString() }, "call.ended");
mock.role = "admin";
await page.goto(`${mock.url}/records/${call.id}`);
await page.getByRole("button", { name: "Delete this record" }).click();
await page.getByRole("dialog").waitFor();
await shots("18-delete");

mock.role = "agent";
await page.goto(`${mock.url}/calls`);
await page.getByRole("region", { name: "Ringing" }).waitFor();
await shots("19-ringing");
await page.keyboard.press("a");
await page.getByText("The caller hears you").first().waitFor({ timeout: 15_000 });
await page.waitForTimeout(1200);
await heard("answered");
await shots("20-own-call");
await page.getByRole("button", { name: "Hold" }).click();
await page.getByText("On hold").first().waitFor();
await page.getByRole("button", { name: "Keypad" }).click();
for (const key of ["4", "2", "#"]) await page.keyboard.press(key);
await shots("21-keypad-and-hold");
await page.getByRole("button", { name: "Transfer" }).click();
await page.getByRole("dialog").waitFor();
await shots("22-transfer", ["wide-light", "narrow-dark"]);
await page.keyboard.press("Escape");
await page.locator("[data-row]").last().click();
await page.getByText("Agents hear").first().waitFor();
await shots("23-not-own", ["wide-light", "narrow-dark"]);
await mock.close();
await stage.close();

/** Acts until it is said: on a busy machine the page stands still at times, and its microphone is shut. */
async function untilSaid(text, act) {
  for (let attempt = 0; ; attempt += 1) {
    await act();
    try {
      return await page.getByText(text).first().waitFor({ timeout: 3000 });
    } catch (error) {
      if (attempt === 9) throw error;
    }
  }
}

/** The loudest of what came back within a second, of 1. */
async function loudest() {
  let most = 0;
  for (let look = 0; look < 10; look += 1) {
    most = Math.max(most, await gateway.evaluate(() => globalThis.gatewayHears?.() ?? 0));
    await page.waitForTimeout(100);
  }
  return most;
}
