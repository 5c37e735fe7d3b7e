/** Every address of the console. */
export const paths = {
  calls: "/calls",
  invitation: "/invitation",
  call: "/calls/$callId",
  records: "/records",
  record: "/records/$callId",
  settings: "/settings",
  people: "/settings/people",
  keys: "/settings/keys",
  numbers: "/settings/numbers",
} as const;
