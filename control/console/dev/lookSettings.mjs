// Takes pictures of how a number's calls are answered.
// `npm run build && node dev/lookSettings.mjs [folder]`
import { openStage } from "./stage.mjs";

const stage = await openStage("partyline-look-settings");
const { mock, page, shots } = stage;
mock.role = "admin";
const number = (last, more) => ({
  number: `+1555010030${last}`,
  label: "Front desk",
  route: "agent",
  has_bot: true,
  created_at: "2026-11-01T09:00:00Z",
  ...more,
  settings: { dial: null, disclosure: null, bot: null, waiting: null, ...more.settings },
});
mock.numbers = [
  number(1, {
    settings: {
      disclosure: { text: "This call may be listened to for training.", language: "en-GB", voice: null },
      bot: {
        kind: "stream",
        url: "wss://bot.example.com/twilio",
        parameters: { campaign: "spring", tone: "warm" },
        stall_seconds: 20,
        fallback: "One moment, please.",
      },
      waiting: {
        text: "We are coming.",
        language: "en-GB",
        voice: null,
        every_seconds: 20,
        give_up_seconds: 120,
      },
    },
  }),
  number(2, {
    label: "Returns",
    settings: {
      bot: {
        kind: "open_ai",
        model: "gpt-realtime",
        instructions: "You answer for a clinic.\nBe kind and brief.",
        voice: "marin",
        greeting: "Harbour Clinic, good morning!",
        fallback: null,
      },
    },
  }),
  number(3, { label: "", has_bot: false, route: "monitor", settings: { dial: "+15550100200" } }),
];

await page.goto(mock.url);
await page.getByLabel("E-mail").fill("mara@example.com");
await page.getByLabel("Password").fill("correct horse");
await page.keyboard.press("Enter");
await page.getByRole("heading", { name: "Live calls" }).waitFor();
await page.goto(`${mock.url}/settings/numbers`);
await page.getByText("Returns").waitFor();
await shots("01-numbers");
await page.getByRole("link", { name: /Answering of \+15550100301/ }).click();
await page.getByLabel("Address of the bot").waitFor();
await shots("02-stream");
await page.getByLabel("Address of the bot").fill("https://bot.example.com");
await page.getByRole("button", { name: "Add a parameter" }).click();
await page.getByLabel("Name of parameter 3").fill("tone");
await page.getByRole("button", { name: "Save" }).click();
await page.getByText("“tone” is there twice.").waitFor();
await shots("03-wrong");
await page.getByLabel("Given up after (seconds)").scrollIntoViewIfNeeded();
await shots("04-end");
await page.getByRole("link", { name: "All numbers" }).click();
await page.getByRole("dialog").waitFor();
await shots("05-unsaved");
await page.getByRole("button", { name: "Leave" }).click();
await page.getByRole("link", { name: /Answering of \+15550100302/ }).click();
await page.getByLabel("Instructions").waitFor();
await shots("06-open-ai");
await page.goto(`${mock.url}/settings/numbers/%2B15550100303`);
await page.getByText(/no bot answers/).waitFor();
await shots("07-monitor");
await mock.close();
await stage.close();
