import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { Notice } from "../parts/Notice.tsx";
import { paths } from "../paths.ts";

/** An address that leads nowhere. */
export default function LostPage(): ReactElement {
  return (
    <Notice icon="warning" title="There is no such page">
      <p>
        <Link to={paths.calls}>Go to the live calls</Link>
      </p>
    </Notice>
  );
}
