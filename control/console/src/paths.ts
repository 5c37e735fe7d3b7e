/** Every address of the console. */
export const paths = {
  calls: "/calls",
  call: "/calls/$callId",
} as const;
