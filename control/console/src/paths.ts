/** Every address of the console. */
export const paths = {
  calls: "/calls",
  invitation: "/invitation",
  call: "/calls/$callId",
} as const;
