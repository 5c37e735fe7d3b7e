import { act, fireEvent, screen } from "@testing-library/react";
import { makeUser } from "@partyline/client/testing/records";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole } from "../testing/renderConsole.tsx";

let parts: Parts;

beforeEach(() => {
  vi.useFakeTimers();
  parts = makeParts();
  parts.account.set({ kind: "signed_out", why: "new" });
});

async function submit(): Promise<void> {
  fireEvent.change(screen.getByLabelText("E-mail"), { target: { value: " mara@example.com " } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: " secret " } });
  const form = screen.getByRole("button", { name: "Sign in" }).closest("form");
  if (form === null) throw new Error("no form");
  await act(async () => {
    fireEvent.submit(form);
    await Promise.resolve();
  });
}

test("the password is sent as typed, the e-mail without spaces around it", async () => {
  await renderConsole(parts);
  await submit();
  expect(parts.done).toEqual(["sign in mara@example.com  secret "]);
});

test("a wrong password is said, and the field is ready for the next try", async () => {
  parts.answers.signIn = { kind: "signed_out" };
  await renderConsole(parts);
  await submit();
  expect(screen.getByRole("alert").textContent).toBe("E-mail or password is wrong.");
  expect(document.activeElement).toBe(screen.getByLabelText("Password"));
  expect(screen.getByLabelText("Password").getAttribute("aria-invalid")).toBe("true");
});

test("after too many attempts the seconds are counted down", async () => {
  parts.answers.signIn = { kind: "too_many", retryAfterSeconds: 3 };
  await renderConsole(parts);
  await submit();
  expect(screen.getByRole("alert").textContent).toBe("Too many attempts. Try again in 3 s.");
  await act(() => vi.advanceTimersByTimeAsync(1000));
  expect(screen.getByRole("alert").textContent).toBe("Too many attempts. Try again in 2 s.");
  await act(() => vi.advanceTimersByTimeAsync(2000));
  expect(screen.getByRole("alert").textContent).toBe("You can try again now.");
});

test("a server that cannot be reached is said so", async () => {
  parts.answers.signIn = { kind: "unreachable" };
  await renderConsole(parts);
  await submit();
  expect(screen.getByRole("alert").textContent).toContain("cannot be reached");
});

test("who signs in stands at the address that was asked for", async () => {
  const { router } = await renderConsole(parts, "/calls/call_1");
  await act(async () => {
    parts.account.set({ kind: "signed_in", user: makeUser() });
    await Promise.resolve();
  });
  expect(screen.getByText("Harbour Clinic")).toBeTruthy();
  expect(router.state.location.pathname).toBe("/calls/call_1");
});

test("when nobody can be asked, that is said instead of a form", async () => {
  parts.account.set({ kind: "unreachable" });
  await renderConsole(parts);
  expect(screen.getByText("Partyline cannot be reached")).toBeTruthy();
  expect(screen.queryByLabelText("Password")).toBeNull();
});

test("a provider is offered when there is one, and leads back to the page that was asked for", async () => {
  await renderConsole(parts);
  expect(screen.queryByRole("link")).toBeNull();
  parts.answers.provider = "Acme account";
  await renderConsole(parts);
  const link = screen.getByRole("link", { name: "Sign in with Acme account" });
  expect(link.getAttribute("href")).toBe("/api/auth/oidc/login?return_to=%2F");
});

test("who was turned away by the provider is told why", async () => {
  window.history.replaceState(null, "", "/?sign_in_problem=unknown");
  await renderConsole(parts);
  window.history.replaceState(null, "", "/");
  expect(screen.getByRole("alert").textContent).toContain("Nobody has invited you yet");
});

test("who was invited chooses a name and a password", async () => {
  const { router } = await renderConsole(parts, "/invitation#inv_1");
  fireEvent.change(screen.getByLabelText("Name"), { target: { value: " Nina " } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: "long enough" } });
  const form = screen.getByRole("button", { name: "Join" }).closest("form");
  if (form === null) throw new Error("no form");
  parts.answers.signIn = { kind: "not_found", detail: "" };
  await act(async () => {
    fireEvent.submit(form);
    await Promise.resolve();
  });
  expect(screen.getByRole("alert").textContent).toContain("was used, revoked or is too old");
  parts.answers.signIn = null;
  await act(async () => {
    fireEvent.submit(form);
    await Promise.resolve();
  });
  expect(parts.done).toEqual(["join inv_1 Nina long enough", "join inv_1 Nina long enough"]);
  expect(router.state.location.href).toBe("/calls");
});
