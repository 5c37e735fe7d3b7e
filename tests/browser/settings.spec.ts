import { signIn } from "./page.ts";
import { expect, test } from "./partyline.ts";

test("an admin adds a person, who sees what their role may", async ({ page, partyline, browser }) => {
  await signIn(page, partyline);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "People" }).click();
  await page.getByRole("button", { name: "Add person" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Jon Viewer");
  await dialog.getByLabel("E-mail").fill("jon@acme.example");
  await dialog.getByLabel("Password").fill("another horse battery");
  await dialog.getByLabel("Role").selectOption("viewer");
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("row", { name: /jon@acme.example/ })).toBeVisible();

  const theirs = await (await browser.newContext()).newPage();
  await theirs.goto(partyline.console);
  await theirs.getByLabel("E-mail").fill("jon@acme.example");
  await theirs.getByLabel("Password").fill("another horse battery");
  await theirs.getByRole("button", { name: "Sign in" }).click();
  await theirs.getByRole("link", { name: "Settings" }).click();
  await expect(theirs.getByRole("link", { name: "Your account" })).toBeVisible();
  await expect(theirs.getByRole("link", { name: "People" })).toBeHidden();
  await theirs.goto(`${partyline.console}/settings/people`);
  await expect(theirs.getByText("For admins")).toBeVisible();
});

test("a number is added, changed and removed, and control keeps it", async ({ page, partyline }) => {
  await signIn(page, partyline);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "Numbers" }).click();
  await page.getByRole("button", { name: "Add number" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Number").fill("+1 (555) 010-0300");
  await dialog.getByLabel("Label").fill("Returns");
  await dialog.getByRole("button", { name: "Add" }).click();
  const line = page.getByRole("row", { name: /555 010 0300/ });
  await expect(line).toContainText("Returns");
  await line.getByRole("button", { name: /Change/ }).click();
  await dialog.getByLabel("Label").fill("Returns and repairs");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.reload();
  await expect(line).toContainText("Returns and repairs");
  await line.getByRole("button", { name: /Remove/ }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await expect(line).toBeHidden();
  await expect(page.getByRole("row", { name: /555 010 0100/ })).toBeVisible();
});

test("a number's bot and waiting words are set by keyboard, kept, and not left behind unsaved", async ({ page, partyline }) => {
  await signIn(page, partyline);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "Numbers" }).click();
  const line = page.getByRole("row", { name: /555 010 0100/ });
  await line.getByRole("link", { name: /Answering/ }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText(/no bot answers and nobody waits/)).toBeVisible();

  // What control refuses is said at its field, which has the focus.
  await page.getByLabel("Calls are answered by").selectOption("stream");
  const address = page.getByLabel("Address of the bot");
  await address.focus();
  await page.keyboard.type("https://bot.example.com/x");
  await page.keyboard.press("Enter");
  await expect(page.getByText(/Must be a ws: or wss: URL/)).toBeVisible();
  await expect(address).toBeFocused();
  await expect(address).toHaveAttribute("aria-invalid", "true");

  await address.fill("wss://bot.example.com/x?key=hush");
  await page.getByRole("button", { name: "Add a parameter" }).press("Enter");
  await page.keyboard.type("campaign");
  await page.keyboard.press("Tab");
  await page.keyboard.type("spring");
  await page.getByLabel("What callers hear when the bot fails").fill("One moment.");
  await page.getByLabel("They hear").selectOption("own");
  await page.getByLabel("Words", { exact: true }).fill("We are coming.");
  await page.getByLabel("Given up after (seconds)").fill("4000");
  await page.getByRole("button", { name: "Save" }).press("Enter");
  await expect(page.getByText(/Must be between 5 and 3600/)).toBeVisible();
  await page.getByLabel("Given up after (seconds)").fill("300");

  await page.getByRole("link", { name: "All numbers" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stay" }).click();
  await page.getByRole("button", { name: "Save" }).press("Enter");
  await expect(page.getByText("Saved.")).toBeVisible();
  await page.reload();
  await expect(address).toHaveValue("wss://bot.example.com/x?key=hush");
  await expect(page.getByLabel("Value of parameter 1")).toHaveValue("spring");
  await expect(page.getByLabel("Words", { exact: true })).toHaveValue("We are coming.");
  await expect(page.getByLabel("Given up after (seconds)")).toHaveValue("300");
  await page.getByRole("link", { name: "All numbers" }).click();
  await expect(page.getByRole("row", { name: /555 010 0100/ })).toBeVisible();
});

test("a key is shown once, works, and works no more when it is revoked", async ({ page, partyline }) => {
  await signIn(page, partyline);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByRole("button", { name: "Make a key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Reports");
  await dialog.getByRole("checkbox", { name: /Read calls/ }).check();
  await dialog.getByRole("button", { name: "Make the key" }).click();
  const secret = dialog.getByText(/plk_/);
  const key = (await secret.textContent())?.trim() ?? "";
  const ask = async () => (await fetch(`${partyline.console}/api/calls`, { headers: { Authorization: `Bearer ${key}` } })).status;
  expect(await ask()).toBe(200);
  await dialog.getByRole("button", { name: /Done|Close/ }).click();
  await page.reload();
  await expect(page.getByText(key)).toBeHidden();
  const line = page.getByRole("row", { name: /Reports/ });
  await line.getByRole("button", { name: /Revoke/ }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await expect(line).toBeHidden();
  expect(await ask()).toBe(401);
});

test("the organization's name is kept, and the audit log says who changed it", async ({ page, partyline }) => {
  await signIn(page, partyline);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "Organization" }).click();
  await page.getByLabel("Name").fill("Acme Clinics");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Name")).toHaveValue("Acme Clinics");
  await page.getByRole("link", { name: "Audit log" }).click();
  await expect(page.getByRole("row", { name: /Changed the organization/ }).first()).toBeVisible();
});
