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
