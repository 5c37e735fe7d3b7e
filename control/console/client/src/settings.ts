/** What is arranged once: the organization, its people, keys for programs, phone numbers. */

import type {
  ApiKey,
  ApiKeyNew,
  AuditPage,
  AuditQuery,
  Invitation,
  InvitationCreate,
  InvitationNew,
  KeyCreate,
  NumberChange,
  NumberCreate,
  PhoneNumber,
  TenantChange,
  TenantView,
  User,
  UserChange,
  UserCreate,
} from "./contract.ts";
import { type ApiClient, done, maybe, success } from "./request.ts";

/** Settings of the organization. All but `numbers`, `tenant` and `changePassword` are for admins. */
export interface SettingsApi {
  /** The people who may sign in, by name. */
  people(signal?: AbortSignal): Promise<User[]>;
  addPerson(person: UserCreate): Promise<User>;
  /** A change of role, or disabling, ends their sign-ins. */
  changePerson(id: string, change: UserChange): Promise<User>;
  /** Invitations that can still be accepted. */
  invitations(signal?: AbortSignal): Promise<Invitation[]>;
  /** The link is in this answer alone. */
  invite(invitation: InvitationCreate): Promise<InvitationNew>;
  revokeInvitation(id: string): Promise<void>;
  /** The organization; its settings for admins alone. */
  tenant(signal?: AbortSignal): Promise<TenantView>;
  changeTenant(change: TenantChange): Promise<TenantView>;
  /** Who did what, newest first. */
  audit(query: AuditQuery, signal?: AbortSignal): Promise<AuditPage>;
  /** One's own password. One's other sign-ins end. */
  changePassword(old: string, fresh: string): Promise<void>;
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
    async invitations(signal) {
      return (await success(client.GET("/api/invitations", { ...maybe(signal) }))).invitations;
    },
    async invite(body) {
      return success(client.POST("/api/invitations", { body }));
    },
    async revokeInvitation(id) {
      return done(client.DELETE("/api/invitations/{id}", { params: { path: { id } } }));
    },
    async tenant(signal) {
      return success(client.GET("/api/tenant", { ...maybe(signal) }));
    },
    async changeTenant(body) {
      return success(client.PATCH("/api/tenant", { body }));
    },
    async audit(query, signal) {
      return success(client.GET("/api/audit", { params: { query }, ...maybe(signal) }));
    },
    async changePassword(old, fresh) {
      return done(client.POST("/api/auth/password", { body: { old, new: fresh } }));
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
