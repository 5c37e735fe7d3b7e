/** Every address of the console. */
export const paths = {
  calls: "/calls",
  invitation: "/invitation",
  call: "/calls/$callId",
  records: "/records",
  record: "/records/$callId",
  settings: "/settings",
  account: "/settings/account",
  organization: "/settings/organization",
  people: "/settings/people",
  keys: "/settings/keys",
  numbers: "/settings/numbers",
  audit: "/settings/audit",
} as const;
