import type { PhoneNumber } from "@partyline/client/contract";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { AnsweringForm } from "../parts/AnsweringForm.tsx";
import { Loaded } from "../parts/Loaded.tsx";
import { Notice } from "../parts/Notice.tsx";
import { SettingsPage } from "../parts/SettingsPage.tsx";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useSetting } from "../state/useSetting.ts";
import { phone } from "../words/call.ts";
import { ROUTES } from "../words/settings.ts";

/** How the calls of one number are answered: by whom, with what words, and what who waits hears. */
export default function NumberPage(): ReactElement {
  const { number = "" } = useParams({ strict: false });
  const { api } = usePartyline();
  const queries = useQueryClient();
  const { view, after } = useSetting("numbers", (signal) => api.numbers(signal));
  const save = async (settings: PhoneNumber["settings"]) => {
    await after(api.changeNumber(number, { settings }));
    await queries.refetchQueries({ queryKey: ["numbers"] });
  };
  return (
    <SettingsPage
      title={phone(number)}
      about="Who answers calls to this number, and what their callers hear."
    >
      <p className="settings-words">
        <Link to={paths.numbers}>All numbers</Link>
      </p>
      <Loaded view={view} what="the number" size="page">
        {(numbers) => {
          const found = numbers.find((one) => one.number === number);
          return found === undefined ? (
            <Notice icon="phone" title="There is no such number">
              <p>Somebody removed it, or it was never here.</p>
            </Notice>
          ) : (
            <>
              <Warnings number={found} />
              <AnsweringForm key={found.number} settings={found.settings} onSave={save} />
            </>
          );
        }}
      </Loaded>
    </SettingsPage>
  );
}

/** Why what is arranged here does nothing, or not all is shown. */
function Warnings({ number }: { number: PhoneNumber }): ReactElement {
  const isUnread = number.has_bot && (number.settings.bot ?? null) === null;
  return (
    <>
      {number.route === "agent" ? null : (
        <p className="banner" role="note">
          The number's route is {ROUTES[number.route].word}: its calls ring somebody, so no bot answers and
          nobody waits. Give it the route {ROUTES.agent.word} first.
        </p>
      )}
      {isUnread ? (
        <p className="banner" role="note">
          This number has a bot that the server cannot read: it was stored with a key that is not there any
          more. Its callers wait for a person. What you save here takes its place.
        </p>
      ) : null}
    </>
  );
}
