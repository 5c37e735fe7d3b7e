import { readFileSync } from "node:fs";

import { row, signIn } from "./page.ts";
import { type Partyline, expect, test } from "./partyline.ts";

const ENDED = { caller: "tone:450", agent: "tone:700", seconds: 2 } as const;

/** How many calls are over. */
async function ended(partyline: Partyline): Promise<number> {
  return (await partyline.records()).filter((call) => call.status === "completed").length;
}

test("a call leaves a record: it is found, marked, written on, saved as a file, and deleted", async ({ page, partyline }) => {
  partyline.call({ ...ENDED, from: "+15550199001" });
  partyline.call({ ...ENDED, from: "+15550199002" });
  await signIn(page, partyline);
  await expect.poll(() => ended(partyline), { timeout: 20_000 }).toBe(2);
  await page.getByRole("link", { name: "Records" }).click();
  await expect(row(page, "019 9002")).toBeVisible();

  await page.getByLabel("Search records").fill("0199001");
  await expect(row(page, "019 9002")).toBeHidden();
  await row(page, "019 9001").click();
  await page.getByRole("button", { name: "Handled" }).click();
  await page.getByRole("button", { name: "Urgent" }).click();
  await page.getByLabel("Caller").fill("Ada Byron");
  await page.getByRole("textbox", { name: "Notes" }).fill("Wants another router.");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Ada Byron", exact: true })).toBeVisible();
  // What was written has arrived: it is there after a reload.
  await page.reload();
  await expect(page.getByRole("heading", { name: "Ada Byron", exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Handled" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("button", { name: "Urgent" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("textbox", { name: "Notes" })).toHaveValue("Wants another router.");

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export as CSV" }).click();
  const csv = readFileSync(await (await download).path(), "utf8");
  expect(csv).toContain("Ada Byron");
  expect(csv).toContain("Wants another router.");
  for (const button of ["Export as PDF", "Download as PDF"]) {
    const paper = page.waitForEvent("download");
    await page.getByRole("button", { name: button }).click();
    const file = await paper;
    expect(file.suggestedFilename()).toMatch(/^call.*\.pdf$/);
    expect(readFileSync(await file.path(), "latin1")).toMatch(/^%PDF-1/);
  }

  await page.getByRole("button", { name: "Delete this record" }).click();
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByText("No call matches")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Ada Byron", exact: true })).toBeHidden();
  await expect.poll(async () => (await partyline.records()).map((call) => call.customer_number)).toEqual(["+15550199002"]);
});

test("tabs and filters stand in the address, and lead back to the same list", async ({ page, partyline }) => {
  partyline.call({ ...ENDED, from: "+15550199001" });
  await signIn(page, partyline);
  await expect.poll(() => ended(partyline), { timeout: 20_000 }).toBe(1);
  await page.getByRole("link", { name: "Records" }).click();
  await expect(row(page, "019 9001")).toBeVisible();
  await page.getByRole("radio", { name: "Handled" }).check({ force: true });
  await expect(page.getByText("No call matches")).toBeVisible();
  await expect(page).toHaveURL(/show=handled/);
  await page.goto(page.url().replace("handled", "attention"));
  await expect(row(page, "019 9001")).toBeVisible();
});

test("the figures know of the call", async ({ page, partyline }) => {
  partyline.call({ ...ENDED, from: "+15550199001" });
  await signIn(page, partyline);
  await expect.poll(() => ended(partyline), { timeout: 20_000 }).toBe(1);
  await page.getByRole("link", { name: "Analytics" }).click();
  const days = page.getByRole("figure", { name: "Calls by day" });
  await days.getByText("As a table").click();
  await expect(days.getByRole("row").last()).toHaveText(/1\s*1$/);
  await page.getByRole("radio", { name: "24 hours" }).check({ force: true });
  await expect(page.getByRole("figure", { name: "Calls by hour" })).toBeVisible();
});
