/** The API as functions. Each rejects with an `ApiError` that says what a person can do about it. */

import type { Account } from "./account.ts";
import { type CallsApi, callsApi } from "./calls.ts";
import { createApiClient } from "./request.ts";
import { type SettingsApi, settingsApi } from "./settings.ts";
import { type SpeakingApi, speakingApi } from "./speaking.ts";

/** What the console asks of control. */
export interface Api extends CallsApi, SettingsApi, SpeakingApi {}

/** The API of the control plane at `baseUrl`, as the person signed in at `account`. */
export function createApi(baseUrl: string, account: Pick<Account, "send">): Api {
  const client = createApiClient(baseUrl, account);
  return {
    ...callsApi(client, { baseUrl, send: account.send }),
    ...settingsApi(client),
    ...speakingApi(client),
  };
}
