import type { PhoneNumber } from "@partyline/client/contract";
import { makeUser } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole } from "../testing/renderConsole.tsx";

let parts: Parts;
const mara = makeUser({ role: "admin" });
const bob = makeUser({ id: "usr_2", name: "Bob", email: "bob@example.com", role: "viewer" });
const person = { id: "usr_1", name: "Mara Lindqvist" };
const number: PhoneNumber = {
  number: "+12065550100",
  label: "Front desk",
  route: "monitor",
  has_bot: false,
  settings: { dial: "+12065550200" },
  created_at: "2026-11-01T09:00:00Z",
};

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.account.set({ kind: "signed_in", user: mara });
  parts.answers.people = [bob, mara];
  parts.answers.numbers = [number];
});

const settle = () => act(() => vi.advanceTimersByTimeAsync(0));
async function open(page: string) {
  const rendered = await renderConsole(parts, `/settings/${page}`);
  await settle();
  return rendered;
}
async function click(name: string | RegExp) {
  fireEvent.click(screen.getByRole("button", { name }));
  await settle();
}
const dialog = () => within(screen.getByRole("dialog"));
const type = (label: string, value: string) =>
  fireEvent.change(dialog().getByLabelText(label), { target: { value } });
async function send() {
  const form = screen.getByRole("dialog").querySelector("form");
  if (form === null) throw new Error("no form");
  fireEvent.submit(form);
  await settle();
}
const asked = () => parts.done.filter((done) => !/^(list|keep|ask|audit) /.test(done));

test("a person is added, and what control refuses is said without losing what was typed", async () => {
  await open("people");
  await click("Add person");
  type("Name", " Ole ");
  type("E-mail", "ole@example.com");
  type("Password", " secret words ");
  type("Role", "agent");
  parts.answers.change = { kind: "conflict", code: "email_taken", detail: "this e-mail cannot be used" };
  await send();
  expect(dialog().getByRole("alert").textContent).toContain("Somebody has this e-mail already");
  expect(dialog().getByLabelText<HTMLInputElement>("Name").value).toBe(" Ole ");
  parts.answers.change = null;
  await send();
  expect(screen.queryByRole("dialog")).toBeNull();
  const sent = { name: "Ole", email: "ole@example.com", password: " secret words ", role: "agent" };
  expect(asked()).toEqual([`add person ${JSON.stringify(sent)}`, `add person ${JSON.stringify(sent)}`]);
});

test("only what differs of a person is sent, and nobody changes the own role", async () => {
  await open("people");
  await click("Change Bob");
  type("Role", "supervisor");
  await send();
  expect(asked()).toEqual(['change usr_2 {"role":"supervisor"}']);
  await click("Change Mara Lindqvist");
  expect(dialog().getByLabelText<HTMLSelectElement>("Role").disabled).toBe(true);
  type("Name", "Mara L.");
  await send();
  expect(asked().at(-1)).toBe('change usr_1 {"name":"Mara L."}');
  expect(screen.queryByRole("button", { name: "Disable Mara Lindqvist" })).toBeNull();
});

test("who is disabled leaves the list, and can be let in again", async () => {
  await open("people");
  await click("Disable Bob");
  parts.answers.people = [mara];
  await send();
  expect(screen.getByText("Bob can no longer sign in.")).toBeTruthy();
  expect(within(screen.getByRole("table", { name: "People" })).queryByText("Bob")).toBeNull();
  await click("Undo");
  expect(asked()).toEqual(['change usr_2 {"disabled":true}', 'change usr_2 {"disabled":false}']);
  expect(screen.queryByText("Bob can no longer sign in.")).toBeNull();
});

test("an invitation's link is shown once, to be copied", async () => {
  const writeText = vi.fn<(text: string) => Promise<void>>(() => Promise.resolve());
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  await open("people");
  await click("Invite");
  type("E-mail", "ole@example.com");
  await send();
  await click("Copy");
  expect(writeText).toHaveBeenCalledWith("https://calls.example/invitation#inv_1");
  expect(dialog().getByText("Copied")).toBeTruthy();
  await click("Done");
  expect(screen.queryByText(/inv_1/)).toBeNull();
});

test("a key is made with the chosen scopes, shown once, and revoked", async () => {
  parts.answers.keys = [
    { id: "plk_1", name: "CRM", scopes: ["calls:read"], user: person, created_at: "2026-11-01T09:00:00Z" },
  ];
  await open("keys");
  await click("Make a key");
  type("Name", "Wallboard");
  fireEvent.click(dialog().getByLabelText(/Listen to calls/));
  type("Days until it ends", "10");
  await send();
  const body = {
    name: "Wallboard",
    scopes: ["calls:read", "calls:listen"],
    expires_at: "2026-11-30T12:02:10.000Z",
  };
  expect(asked()).toEqual([`make key ${JSON.stringify(body)}`]);
  expect(dialog().getByText("plk_1_secret")).toBeTruthy();
  await click("Done");
  expect(screen.queryByText("plk_1_secret")).toBeNull();
  await click("Revoke CRM");
  await send();
  expect(asked().at(-1)).toBe("revoke plk_1");
});

test("a number is added as people write it, changed and removed", async () => {
  await open("numbers");
  await click("Add number");
  type("Number", "+1 (206) 555-0101");
  type("Route", "agent");
  await send();
  await click("Change +12065550100");
  expect(dialog().getByLabelText<HTMLInputElement>("Rings").value).toBe("+12065550200");
  type("Rings", "");
  type("Label", "Desk");
  await send();
  await click("Remove +12065550100");
  await send();
  expect(asked()).toEqual([
    'add number {"number":"+12065550101","label":"","route":"agent","settings":{"dial":null}}',
    'change +12065550100 {"label":"Desk","route":"monitor","settings":{"dial":null}}',
    "remove +12065550100",
  ]);
});

test("how long calls are kept is set, and set to for ever", async () => {
  await open("organization");
  const form = screen.getByRole("form", { name: "Organization" });
  const days = screen.getByLabelText<HTMLInputElement>("Days that calls are kept");
  expect(days.value).toBe("30");
  fireEvent.change(days, { target: { value: "" } });
  fireEvent.submit(form);
  await settle();
  expect(asked()).toEqual([
    'change tenant {"name":"Harbour Clinic","settings":{"retention_days":null,"disclosure":null,"speaking_modes":null}}',
  ]);
  expect(screen.getByText("Saved.")).toBeTruthy();
});

test("the ways to be heard in a call are chosen; all of them are no rule", async () => {
  await open("organization");
  const form = screen.getByRole("form", { name: "Organization" });
  fireEvent.click(screen.getByRole("checkbox", { name: /Join/ }));
  fireEvent.submit(form);
  await settle();
  expect(asked()[0]).toContain('"speaking_modes":["whisper","takeover"]');
});

test("the password is sent as typed; signing out everywhere asks first", async () => {
  parts.as("viewer");
  await open("account");
  fireEvent.change(screen.getByLabelText("Password until now"), { target: { value: " old one " } });
  fireEvent.change(screen.getByLabelText("New password"), { target: { value: " new one " } });
  const form = screen.getByRole("form", { name: "Password" });
  parts.answers.change = { kind: "refused", status: 422, detail: "the old password is not right" };
  fireEvent.submit(form);
  await settle();
  expect(screen.getByText("The old password is not right.")).toBeTruthy();
  parts.answers.change = null;
  fireEvent.submit(form);
  await settle();
  expect(asked().at(-1)).toBe('change password [" old one "," new one "]');
  expect(screen.getByText("The password is changed.")).toBeTruthy();
  await click("Sign out everywhere");
  expect(parts.done).not.toContain("sign out everywhere");
  await send();
  expect(parts.done).toContain("sign out everywhere");
});

test("the audit log says who did what, and can be narrowed to one thing", async () => {
  parts.answers.audit = {
    entries: [
      {
        seq: 2,
        at: "2026-11-20T11:00:00Z",
        action: "session.ended",
        user: person,
        call_id: "call_1",
        address: "192.0.2.7",
        data: { mode: "listen", seconds: 41 } as object as Record<string, never>,
      },
      { seq: 1, at: "2026-11-20T10:00:00Z", action: "something.new", data: {} },
    ],
    next_cursor: "c1",
  };
  await open("audit");
  const [, first, second] = screen.getAllByRole("row").map((row) => row.textContent);
  expect(first).toContain("Mara Lindqvist");
  expect(first).toContain("Left a call");
  expect(first).toContain("mode listen, seconds 41");
  expect(second).toContain("The server");
  expect(second).toContain("something.new");
  await click("Older entries");
  expect(parts.done.at(-1)).toBe('audit {"cursor":"c1"}');
  fireEvent.change(screen.getByLabelText("Show"), { target: { value: "key.added" } });
  await settle();
  expect(parts.done.at(-1)).toBe('audit {"action":"key.added"}');
});

test("who is no admin is offered the own account alone", async () => {
  parts.as("supervisor");
  await open("people");
  expect(screen.getByRole("alert").textContent).toContain("For admins");
  const nav = screen.getByRole("navigation", { name: "Settings" });
  expect(
    within(nav)
      .getAllByRole("link")
      .map((link) => link.textContent),
  ).toEqual(["Your account"]);
});

test("an invitation's link asks for name and password, and leads in", async () => {
  parts.account.set({ kind: "signed_out", why: "new" });
  parts.answers.signIn = { kind: "not_found", detail: "" };
  const { router } = await renderConsole(parts, "/invitation#inv_1_secret");
  fireEvent.change(screen.getByLabelText("Name"), { target: { value: "Ole" } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: "correct horse" } });
  const form = screen.getByRole("button", { name: "Begin" }).closest("form");
  if (form === null) throw new Error("no form");
  fireEvent.submit(form);
  await settle();
  expect(screen.getByRole("alert").textContent).toContain("This invitation is good no more");
  parts.answers.signIn = null;
  fireEvent.submit(form);
  await settle();
  expect(parts.done).toContain("accept inv_1_secret Ole correct horse");
  expect(router.state.location.pathname).toBe("/calls");
});
