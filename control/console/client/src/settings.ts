/** What admins arrange: people, keys for programs, phone numbers. */

import type { ApiKey, ApiKeyNew, KeyCreate, NumberChange, NumberCreate } from "./contract.ts";
import type { PhoneNumber, User, UserChange, UserCreate } from "./contract.ts";
import { type ApiClient, done, maybe, success } from "./request.ts";

/** Settings of the organization. All but `numbers` are for admins. */
export interface SettingsApi {
  /** The people who may sign in, by name. */
  people(signal?: AbortSignal): Promise<User[]>;
  addPerson(person: UserCreate): Promise<User>;
  /** A change of role, or disabling, ends their sign-ins. */
  changePerson(id: string, change: UserChange): Promise<User>;
  /** The keys that are good, oldest first. */
  keys(signal?: AbortSignal): Promise<ApiKey[]>;
  /** The key itself is in this answer alone. */
  makeKey(key: KeyCreate): Promise<ApiKeyNew>;
  revokeKey(id: string): Promise<void>;
  /** The organization's numbers, in order. */
  numbers(signal?: AbortSignal): Promise<PhoneNumber[]>;
  addNumber(number: NumberCreate): Promise<PhoneNumber>;
  changeNumber(number: string, change: NumberChange): Promise<PhoneNumber>;
  /** Its calls stay; new ones are rejected. */
  removeNumber(number: string): Promise<void>;
}

/** Settings, asked for with this client. */
export function settingsApi(client: ApiClient): SettingsApi {
  return {
    async people(signal) {
      return (await success(client.GET("/api/users", { ...maybe(signal) }))).users;
    },
    async addPerson(body) {
      return success(client.POST("/api/users", { body }));
    },
    async changePerson(id, body) {
      return success(client.PATCH("/api/users/{id}", { params: { path: { id } }, body }));
    },
    async keys(signal) {
      return (await success(client.GET("/api/keys", { ...maybe(signal) }))).keys;
    },
    async makeKey(body) {
      return success(client.POST("/api/keys", { body }));
    },
    async revokeKey(id) {
      return done(client.DELETE("/api/keys/{id}", { params: { path: { id } } }));
    },
    async numbers(signal) {
      return (await success(client.GET("/api/numbers", { ...maybe(signal) }))).numbers;
    },
    async addNumber(body) {
      return success(client.POST("/api/numbers", { body }));
    },
    async changeNumber(number, body) {
      return success(client.PATCH("/api/numbers/{number}", { params: { path: { number } }, body }));
    },
    async removeNumber(number) {
      return done(client.DELETE("/api/numbers/{number}", { params: { path: { number } } }));
    },
  };
}
