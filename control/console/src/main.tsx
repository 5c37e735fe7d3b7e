import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createConsoleRouter } from "./router.ts";
import { createPartyline } from "./state/partyline.ts";
import { createQueries } from "./state/queries.ts";
import { PartylineContext } from "./state/usePartyline.ts";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/forms.css";
import "./styles/list.css";
import "./styles/player.css";
import "./styles/call.css";
import "./styles/speaking.css";
import "./styles/records.css";
import "./styles/transcript.css";
import "./styles/settings.css";
import "./styles/analytics.css";

const partyline = createPartyline();
const queries = createQueries();
const router = createConsoleRouter();

partyline.account.state.subscribe(() => {
  // The next person may not see what this one saw.
  if (partyline.account.state.get().kind === "signed_out") queries.clear();
});
void partyline.account.resume();

const place = document.getElementById("root");
if (place === null) throw new Error("index.html has no #root");
createRoot(place).render(
  <StrictMode>
    <PartylineContext value={partyline}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </PartylineContext>
  </StrictMode>,
);
