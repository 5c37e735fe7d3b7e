import { type ReactElement, useState } from "react";
import { Dialog } from "./Dialog.tsx";
import { Icon } from "./Icon.tsx";

/** Shows what is never shown again, to be copied. */
export function SecretDialog(props: {
  title: string;
  about: string;
  secret: string;
  onClose: () => void;
}): ReactElement {
  const { title, about, secret, onClose } = props;
  const [copied, setCopied] = useState<"no" | "yes" | "refused">("no");
  const copy = () => {
    navigator.clipboard.writeText(secret).then(
      () => setCopied("yes"),
      () => setCopied("refused"),
    );
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="form">
        <p>{about}</p>
        <code className="command secret">{secret}</code>
        <div className="form-end">
          <button type="button" className="button primary" onClick={copy}>
            <Icon name={copied === "yes" ? "check" : "copy"} />
            {copied === "yes" ? "Copied" : "Copy"}
          </button>
          <button type="button" className="button" onClick={onClose}>
            Done
          </button>
        </div>
        <p className="quiet" role="status">
          {copied === "refused" ? "The browser forbids copying: mark the text and copy it yourself." : null}
        </p>
      </div>
    </Dialog>
  );
}
