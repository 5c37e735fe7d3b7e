/** Every address of the console. */
export const paths = {
  calls: "/calls",
  call: "/calls/$callId",
  records: "/records",
  record: "/records/$callId",
  analytics: "/analytics",
  settings: "/settings",
  account: "/settings/account",
  organization: "/settings/organization",
  people: "/settings/people",
  keys: "/settings/keys",
  numbers: "/settings/numbers",
  number: "/settings/numbers/$number",
  audit: "/settings/audit",
  invitation: "/invitation",
} as const;
